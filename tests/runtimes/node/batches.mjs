// What Node's engines and the browser's page share.

/**
 * Runs all batches of all models of a job, in order.
 * @param read  from a path of the job to its bytes, an ArrayBuffer
 * @param load  from a model's bytes to a function from (z, [N, latent]) to images, a Float32Array
 * @param put   takes a model, a batch and its images
 */
export async function batches(job, read, load, put) {
  for (const model of job.models) {
    const z = new Float32Array(await read(model.latents));
    const run = await load(new Uint8Array(await read(model.path)), model);
    for (const batch of job.batches) {
      const images = await run(z.slice(0, batch * model.latent), [batch, model.latent]);
      await put(model, batch, images);
    }
  }
}

/** onnxruntime-common's interface, which its three packages share: one session for all sizes of batch. */
export function onnxruntime(ort, options) {
  return async (bytes) => {
    const session = await ort.InferenceSession.create(bytes, options);
    return async (z, shape) => {
      const { image } = await session.run({ z: new ort.Tensor("float32", z, shape) });
      return image.getData();
    };
  };
}
