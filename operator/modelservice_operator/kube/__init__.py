"""Every byte of HTTP between the operator and Kubernetes.

`kinds` and `errors` are words, `client` sends, `apply` is the only way to change an object,
`lease` decides who may, `events` tells users.
"""
