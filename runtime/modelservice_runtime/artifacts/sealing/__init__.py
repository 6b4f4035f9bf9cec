"""The sealed chain: signatures, encryption, compression and archives of model artifacts."""
