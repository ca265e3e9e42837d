function latent(seed, n) {
  const u64 = (x) => BigInt.asUintN(64, x);
  const mix = (x) => {
    x = u64((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    x = u64((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
    return x ^ (x >> 31n);
  };
  let state = mix(BigInt(seed)), z = [];
  const uniform = () => {
    state = u64(state + 0x9e3779b97f4a7c15n);
    return (Number(mix(state) >> 11n) + 0.5) / 2 ** 53;
  };
  while (z.length < n) {
    const u = uniform(), x = ((uniform() - 0.5) * 1.7155277699214135) / u;
    if (x * x <= -4 * Math.log(u)) z.push(x);
  }
  return Float32Array.from(z);
}
