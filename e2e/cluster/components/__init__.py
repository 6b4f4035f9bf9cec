"""The programs of the cluster, a file each: its flags, its files, and when it is ready."""
