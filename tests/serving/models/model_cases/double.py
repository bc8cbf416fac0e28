"""What test files register: twice its input."""


def predict(x):
    return x * 2
