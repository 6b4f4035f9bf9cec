"""What needs more than one process: the development cluster, images, the demo, end-to-end tests."""
