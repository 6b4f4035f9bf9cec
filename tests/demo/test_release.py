"""Image references become the chart's settings."""

from e2e.demo.release import settings_of


def test_registry_repository_and_tag() -> None:
    assert settings_of({"agent": "registry.example.com:5000/team/agent:0123"}) == [
        "images.agent.registry=registry.example.com:5000/team",
        "images.agent.repository=agent",
        "images.agent.tag=0123",
    ]
