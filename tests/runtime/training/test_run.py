"""What the operator asks for becomes a complete run, or a sentence about the field."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.training.recipes import FULL_BATCH, RECIPES, Loss, OptimizerName
from modelservice_runtime.training.run import VARIABLE, Optimizer, Run, parse


@pytest.mark.parametrize(
    ("recipe", "loss", "optimizer", "epochs", "batch_size"),
    [
        ("linear", Loss.MSE, Optimizer(OptimizerName.SGD, 0.01), 1000, FULL_BATCH),
        ("cnn", Loss.CROSS_ENTROPY, Optimizer(OptimizerName.ADAM, 0.001), 5, 32),
    ],
)
def test_what_is_left_out_comes_from_the_seed_system(
    make_run: Callable[..., Run],
    recipe: str,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
) -> None:
    run = make_run(recipe=recipe)
    assert (run.loss, run.optimizer, run.epochs, run.batch_size) == (
        loss,
        optimizer,
        epochs,
        batch_size,
    )
    assert (run.seed, run.target_loss, run.dataset_digest) == (0, None, None)


def test_what_is_given_is_taken(make_run: Callable[..., Run]) -> None:
    run = make_run(
        recipe="linear",
        optimizer={"name": "SGD", "learningRate": "0.05", "momentum": "0.9"},
        loss="BinaryCrossEntropy",
        epochs=7,
        batchSize=16,
        targetLoss="0.02",
        seed=3,
        dataset={"uri": "s3://d/x.npz", "sha256": "ab" * 32, "credentials": "/c"},
        network={"allowedNetworks": ["10.0.0.0/8"]},
    )
    assert run.parameters == {
        "recipe": "linear",
        "optimizer": {"name": "SGD", "learningRate": "0.05", "momentum": "0.9"},
        "loss": "BinaryCrossEntropy",
        "epochs": 7,
        "batchSize": 16,
        "targetLoss": "0.02",
        "seed": 3,
    }
    assert run.dataset_digest == "sha256:" + "ab" * 32
    assert [str(network) for network in run.network.allowed] == ["10.0.0.0/8"]


def test_an_optimizer_without_a_rate_gets_its_own_not_the_recipes(
    make_run: Callable[..., Run],
) -> None:
    assert make_run(optimizer={"name": "Adam"}).optimizer == Optimizer(OptimizerName.ADAM, 0.001)


def test_the_parameters_tell_what_was_stated(make_run: Callable[..., Run]) -> None:
    schedule = {"name": "Step", "every": 5, "factor": "0.5", "warmupEpochs": 2}
    optimizer = {"name": "AdamW", "weightDecay": "0.1", "schedule": schedule}
    run = make_run(optimizer=optimizer, earlyStop={"patience": 3, "minDelta": "0.001"})
    assert run.parameters["optimizer"] == {**optimizer, "learningRate": "0.001"}
    assert run.parameters["earlyStop"] == {"patience": 3, "minDelta": "0.001"}
    assert make_run(optimizer={"name": "AdamW"}).optimizer.weight_decay == 0.01


def test_null_zero_batch_and_unknown_fields_change_nothing(make_run: Callable[..., Run]) -> None:
    run = make_run(batchSize=0, dataset={"uri": "s3://d/x", "sha256": None, "credentials": "/c"})
    assert run.batch_size == RECIPES["linear"].batch_size
    assert make_run(somethingNewer={"a": 1}) == make_run()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"apiVersion": "runtime.modelservice.io/v9"}, "apiVersion must be runtime.modelservice"),
        ({"run": None}, "run is missing"),
        ({"model": 7}, "model must be a string, not '7'"),
        ({"recipe": "transformer"}, "cnn-small, cnn, not 'transformer'"),
        ({"dataset": {"credentials": "/c"}}, "dataset.uri is missing"),
        ({"dataset": []}, "dataset must be an object, not '[]'"),
        ({"output": {"uri": "s3://m/"}}, "output.credentials is missing"),
        ({"loss": "Hinge"}, "loss must be one of MSE, CrossEntropy, BinaryCrossEntropy"),
        ({"loss": "CrossEntropy"}, "loss must be MSE or BinaryCrossEntropy for the recipe linear"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not '0'"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"batchSize": -1}, "batchSize must be a whole number of at least 0"),
        ({"seed": "1"}, "seed must be a whole number"),
        ({"targetLoss": "NaN"}, "targetLoss must be a decimal string of at least 0, not 'NaN'"),
        ({"targetLoss": 0.1}, "targetLoss must be a string"),
        ({"optimizer": {"name": "LBFGS"}}, "optimizer.name must be one of SGD, Adam, AdamW"),
        ({"optimizer": {"weightDecay": "-1"}}, "optimizer.weightDecay must be a decimal string"),
        ({"optimizer": {"schedule": {"name": "Linear"}}}, "optimizer.schedule.name must be one of"),
        ({"optimizer": {"schedule": {"name": "Step"}}}, "optimizer.schedule.every is missing"),
        ({"earlyStop": {"minDelta": "0.1"}}, "earlyStop.patience is missing"),
        ({"optimizer": {"learningRate": "0"}}, "optimizer.learningRate must be a decimal string"),
        ({"optimizer": {"learningRate": "fast"}}, "must be a decimal string above 0, not 'fast'"),
        ({"optimizer": {"learningRate": "1e999"}}, "must be a decimal string above 0"),
        ({"optimizer": {"name": "Adam", "momentum": "0.9"}}, "momentum is for SGD only"),
        ({"network": {"allowedNetworks": "10.0.0.0/8"}}, "must be a list of strings"),
        ({"network": {"allowedNetworks": ["lan"]}}, "'lan' does not appear to be an IPv4 or"),
    ],
)
def test_a_wrong_field_is_named(
    make_run: Callable[..., Run], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Failure) as caught:
        make_run(**changes)
    assert caught.value.reason is Reason.TRAINING_FAILED
    assert sentence in caught.value.message


@pytest.mark.parametrize("environ", [{}, {VARIABLE: "{"}, {VARIABLE: "[]"}, {VARIABLE: "[" * 9999}])
def test_no_run_at_all_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(Failure, match=r"it is not (a )?JSON"):
        parse(environ)


def test_the_contract_example_is_understood(make_document: Callable[..., Any]) -> None:
    text = json.dumps(make_document(recipe="cnn", loss="CrossEntropy", epochs=20, batchSize=64))
    assert parse({VARIABLE: text}).epochs == 20
