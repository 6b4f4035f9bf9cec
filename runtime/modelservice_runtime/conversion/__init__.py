"""A Keras file or a TensorFlow SavedModel becomes an ONNX file, once, in a Job.

    acquire   credentials, network; no TensorFlow     source → /work/source, intent → storage
    convert   TensorFlow; no credentials, no storage  /work/source → /work/converted
    publish   credentials, network; no TensorFlow     /work/converted → storage

The three run one after the other in one pod and share a volume. A model is code for TensorFlow;
what loads it has nothing to steal, and what publishes takes nothing from the volume that it does
not check: `workspace` says what lies there, `request` what all three are asked for.
"""
