def predict(x):
    return x * 3
