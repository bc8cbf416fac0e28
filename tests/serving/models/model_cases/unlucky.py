"""A model that fails on one number."""


def predict(x):
    if (x == 13).any():
        raise ValueError("unlucky")
    return x + 1
