"""OpenCV's dnn module, 4 or 5."""

import cv2

BATCH = "dynamic"


def version():
    return cv2.__version__


def load(model, _):
    net = cv2.dnn.readNetFromONNX(model.path)

    def run(z):
        net.setInput(z, "z")
        # forward() lends its buffer until the next call.
        return net.forward("image").copy()

    return run
