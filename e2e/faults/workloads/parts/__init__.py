"""What workloads are put together from: manifests, what a user does, what shows the end of it."""
