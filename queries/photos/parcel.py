"""What a parcel costs, from every type of data that a service is sent: a stand-in, so that each value can be followed."""

import numpy as np


def predict(pieces, weight, fragile, town, sides, scans, marks, load_indices, load_values, load_shape, photo):
    """One array a column, a row each; the sparse one is three, the rows in front of its places."""
    volume = sides.prod(axis=1)
    loaded = np.bincount(load_indices[:, 0], load_values, minlength=load_shape[0])
    price = 2.0 * pieces + 0.5 * weight + np.where(fragile, 3.0, 0.0) + volume / 1000 + loaded
    sent = [
        f"{name}: {', '.join(words)}, {len(file)} bytes" for name, words, file in zip(town, marks, photo, strict=True)
    ]
    return {"price": price, "address": sent, "brightest": scans.max(axis=2)}
