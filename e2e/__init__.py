"""What needs more than one process: the development cluster, the images and the end-to-end suites."""
