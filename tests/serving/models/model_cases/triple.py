"""What test files register: three times its input."""


def predict(x):
    return x * 3
