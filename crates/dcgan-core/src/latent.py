import math
from array import array

def latent(seed, n, m=2**64 - 1):
    def mix(x):
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & m
        x = (x ^ x >> 27) * 0x94d049bb133111eb & m
        return x ^ x >> 31
    state, z = mix(seed), []
    def uniform():
        nonlocal state
        state = state + 0x9e3779b97f4a7c15 & m
        return ((mix(state) >> 11) + 0.5) / 2**53
    while len(z) < n:
        u, v = uniform(), uniform()
        x = (v - 0.5) * 1.7155277699214135 / u
        if x * x <= -4 * math.log(u):
            z.append(x)
    return array("f", z)
