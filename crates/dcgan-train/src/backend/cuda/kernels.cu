// The kernels of the CUDA engine. `launch.rs` has a function for each, which says what it computes.
//
// There is nothing here but the language: it is compiled when a program starts, for the GPU at hand, where there may
// be no header; and by the tests for the CPU. Maps are [C, S, S, N], the batch innermost, so that neighbouring
// threads read and write neighbouring floats. A sum has one order whatever runs first: there are no atomic ones, and
// a run can be repeated to the bit.

// Threads of a block that sums, a power of two.
#define THREADS 256
// Floats that a thread adds before it carries the sum on as a double.
#define CARRY 64

// As `launch.rs` counts them.
#define RELU 0
#define LEAKY_RELU 1

// Where a thread is in a grid that has one for each float.
__device__ unsigned own_index()
{
    return blockIdx.x * blockDim.x + threadIdx.x;
}

// Not a number stays so.
__device__ float activated(float x, unsigned activation, float slope)
{
    switch (activation) {
    case RELU:
        return x <= 0.0f ? 0.0f : x;
    case LEAKY_RELU:
        return x > 0.0f ? x : x * slope;
    default:
        return tanhf(x);
    }
}

// The derivative where the activation's value is y.
__device__ float derivative_at_value(float y, unsigned activation, float slope)
{
    switch (activation) {
    case RELU:
        return y > 0.0f ? 1.0f : 0.0f;
    case LEAKY_RELU:
        return y > 0.0f ? 1.0f : slope;
    default:
        return 1.0f - y * y;
    }
}

// The sum over the threads of a block, the same for all of them.
__device__ double block_sum(double value, double *sums)
{
    unsigned thread = threadIdx.x;
    sums[thread] = value;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (thread < half)
            sums[thread] += sums[thread + half];
        __syncthreads();
    }
    double total = sums[0];
    // Before the next sum writes.
    __syncthreads();
    return total;
}

// The numbers that kernels store, from and to floats. A bf16 is the upper half of a float.
__device__ float to_float(float value) { return value; }
__device__ float to_float(unsigned short value) { return __uint_as_float((unsigned)value << 16); }
__device__ void store(float *place, float value) { *place = value; }

// To the nearest, of two that are as near to the even one. Not a number stays so.
__device__ void store(unsigned short *place, float value)
{
    unsigned bits = __float_as_uint(value);
    bool is_number = value == value;
    *place = is_number ? (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16 : bits >> 16 | 0x40u;
}

extern "C" __global__ void round_to_bf16(const float *values, unsigned short *rounded, unsigned count)
{
    unsigned index = own_index();
    if (index < count)
        store(rounded + index, values[index]);
}

// Of bytes [N, ...], floats [..., N]; `size` bytes are an image.
extern "C" __global__ void images_from_bytes(
    const unsigned char *bytes, float *images, unsigned batch, unsigned size, unsigned count)
{
    unsigned index = own_index();
    if (index < count)
        images[index] = bytes[(size_t)(index % batch) * size + index / batch] / 127.5f - 1.0f;
}

template <class Number>
__device__ void store_patches(const float *large, Number *patches, unsigned side, unsigned batch, unsigned count)
{
    unsigned index = own_index();
    if (index >= count)
        return;
    unsigned half = side / 2, n = index % batch, rest = index / batch;
    unsigned j = rest % half, i = rest / half % half, k = rest / half / half % 16, c = rest / half / half / 16;
    // One added to both, so that the padding above and to the left is 0.
    unsigned y = 2 * i + k / 4, x = 2 * j + k % 4;
    bool inside = y >= 1 && y <= side && x >= 1 && x <= side;
    store(patches + index, inside ? large[((c * side + y - 1) * side + x - 1) * batch + n] : 0.0f);
}

template <class Number>
__device__ void add_patches(const Number *patches, float *large, unsigned side, unsigned batch, unsigned count)
{
    unsigned index = own_index();
    if (index >= count)
        return;
    unsigned half = side / 2, n = index % batch, rest = index / batch;
    unsigned x = rest % side, y = rest / side % side, c = rest / side / side;
    float sum = 0.0f;
    for (unsigned term = 0; term < 4; term++) {
        // Row y is reached from row i of the small map by row ky = y + 1 - 2 i of the kernel.
        unsigned ky = (y + 1) % 2 + term / 2 * 2, kx = (x + 1) % 2 + term % 2 * 2;
        if (y + 1 < ky || x + 1 < kx)
            continue;
        unsigned i = (y + 1 - ky) / 2, j = (x + 1 - kx) / 2;
        if (i < half && j < half)
            sum += to_float(patches[(((c * 16 + ky * 4 + kx) * half + i) * half + j) * batch + n]);
    }
    large[index] = sum;
}

extern "C" __global__ void gather_patches(
    const float *large, float *patches, unsigned side, unsigned batch, unsigned count)
{
    store_patches(large, patches, side, batch, count);
}

extern "C" __global__ void gather_patches_bf16(
    const float *large, unsigned short *patches, unsigned side, unsigned batch, unsigned count)
{
    store_patches(large, patches, side, batch, count);
}

extern "C" __global__ void sum_patches(
    const float *patches, float *large, unsigned side, unsigned batch, unsigned count)
{
    add_patches(patches, large, side, batch, count);
}

extern "C" __global__ void sum_patches_bf16(
    const unsigned short *patches, float *large, unsigned side, unsigned batch, unsigned count)
{
    add_patches(patches, large, side, batch, count);
}

extern "C" __global__ void activate(float *values, unsigned count, unsigned activation, float slope)
{
    unsigned index = own_index();
    if (index < count)
        values[index] = activated(values[index], activation, slope);
}

extern "C" __global__ void activation_gradient(
    const float *values, float *gradient, unsigned count, unsigned activation, float slope)
{
    unsigned index = own_index();
    if (index < count)
        gradient[index] *= derivative_at_value(values[index], activation, slope);
}

// A block a channel.
extern "C" __global__ void norm_train(
    const float *maps, const float *scale, const float *bias, float *out, float *means, float *variances,
    float *unbiased, unsigned row, float eps, unsigned activation, float slope)
{
    __shared__ double sums[THREADS];
    unsigned c = blockIdx.x;
    maps += (size_t)c * row;
    out += (size_t)c * row;
    double total = 0.0;
    for (unsigned at = threadIdx.x; at < row;) {
        float sum = 0.0f;
        for (unsigned step = 0; step < CARRY && at < row; step++, at += THREADS)
            sum += maps[at];
        total += sum;
    }
    float mean = (float)(block_sum(total, sums) / row);
    // From the distances to the mean, so that a large one does not cancel them.
    total = 0.0;
    for (unsigned at = threadIdx.x; at < row;) {
        float sum = 0.0f;
        for (unsigned step = 0; step < CARRY && at < row; step++, at += THREADS)
            sum += (maps[at] - mean) * (maps[at] - mean);
        total += sum;
    }
    float variance = (float)(block_sum(total, sums) / row);
    float inverse = 1.0f / sqrtf(variance + eps);
    for (unsigned at = threadIdx.x; at < row; at += THREADS)
        out[at] = activated((maps[at] - mean) * inverse * scale[c] + bias[c], activation, slope);
    if (threadIdx.x == 0) {
        means[c] = mean;
        variances[c] = variance;
        unbiased[c] = variance * ((float)row / (row - 1.0f));
    }
}

extern "C" __global__ void norm_infer(
    const float *maps, const float *scale, const float *bias, const float *means, const float *variances, float *out,
    unsigned row, unsigned count, float eps, unsigned activation, float slope)
{
    unsigned index = own_index();
    if (index >= count)
        return;
    unsigned c = index / row;
    float normalised = (maps[index] - means[c]) * (1.0f / sqrtf(variances[c] + eps));
    out[index] = activated(normalised * scale[c] + bias[c], activation, slope);
}

// A block a channel.
extern "C" __global__ void norm_gradient(
    const float *maps, const float *scale, const float *bias, const float *means, const float *variances,
    float *gradient, float *for_scale, float *for_bias, unsigned row, float eps, unsigned activation, float slope)
{
    __shared__ double sums[THREADS];
    unsigned c = blockIdx.x;
    maps += (size_t)c * row;
    gradient += (size_t)c * row;
    float mean = means[c], inverse = 1.0f / sqrtf(variances[c] + eps), factor = scale[c], offset = bias[c];
    double products = 0.0, gradients = 0.0;
    for (unsigned at = threadIdx.x; at < row;) {
        float product = 0.0f, sum = 0.0f;
        for (unsigned step = 0; step < CARRY && at < row; step++, at += THREADS) {
            float normalised = (maps[at] - mean) * inverse;
            float value = activated(normalised * factor + offset, activation, slope);
            float before = gradient[at] * derivative_at_value(value, activation, slope);
            product += before * normalised;
            sum += before;
        }
        products += product;
        gradients += sum;
    }
    products = block_sum(products, sums);
    gradients = block_sum(gradients, sums);
    float mean_product = (float)(products / row), mean_gradient = (float)(gradients / row);
    for (unsigned at = threadIdx.x; at < row; at += THREADS) {
        float normalised = (maps[at] - mean) * inverse;
        float value = activated(normalised * factor + offset, activation, slope);
        float before = gradient[at] * derivative_at_value(value, activation, slope);
        gradient[at] = factor * inverse * (before - mean_gradient - normalised * mean_product);
    }
    if (threadIdx.x == 0) {
        for_scale[c] += (float)products;
        for_bias[c] += (float)gradients;
    }
}

extern "C" __global__ void add_bias(float *values, const float *bias, unsigned row, unsigned count)
{
    unsigned index = own_index();
    if (index < count)
        values[index] += bias[index / row];
}

// A block a row.
extern "C" __global__ void add_row_sums(const float *values, float *totals, unsigned row)
{
    __shared__ double sums[THREADS];
    values += (size_t)blockIdx.x * row;
    double total = 0.0;
    for (unsigned at = threadIdx.x; at < row; at += THREADS)
        total += values[at];
    total = block_sum(total, sums);
    if (threadIdx.x == 0)
        totals[blockIdx.x] += (float)total;
}

// A sum for each block.
extern "C" __global__ void add_squares(const float *values, float *parts, unsigned count)
{
    __shared__ double sums[THREADS];
    double total = 0.0;
    for (unsigned at = own_index(); at < count; at += gridDim.x * THREADS)
        total += (double)values[at] * values[at];
    total = block_sum(total, sums);
    if (threadIdx.x == 0)
        parts[blockIdx.x] += (float)total;
}

// One block. `factor` times the mean cross-entropy of logits against one label, what it changes by with each of them, and
// the mean of the probabilities that they stand for.
extern "C" __global__ void cross_entropy(
    const float *logits, float *loss, float *gradient, float *numbers, unsigned count, float label, float factor)
{
    __shared__ double sums[THREADS];
    double losses = 0.0, probabilities = 0.0;
    for (unsigned at = threadIdx.x; at < count; at += THREADS) {
        float x = logits[at], probability = 1.0f / (1.0f + expf(-x));
        // Large logits neither overflow nor lose the gradient.
        losses += fmaxf(x, 0.0f) - x * label + log1pf(expf(-fabsf(x)));
        probabilities += probability;
        gradient[at] = factor * (probability - label) / count;
    }
    losses = factor * block_sum(losses, sums) / count;
    probabilities = block_sum(probabilities, sums) / count;
    if (threadIdx.x == 0) {
        loss[0] = numbers[0] = (float)losses;
        numbers[1] = (float)probabilities;
    }
}

// The mean of all values of each image [..., N]; a block an image, whose values are `count`.
extern "C" __global__ void image_means(const float *images, float *means, unsigned batch, unsigned count)
{
    __shared__ double sums[THREADS];
    double total = 0.0;
    for (unsigned at = threadIdx.x; at < count; at += THREADS)
        total += images[(size_t)at * batch + blockIdx.x];
    total = block_sum(total, sums);
    if (threadIdx.x == 0)
        means[blockIdx.x] = (float)(total / count);
}

// Colours of images [C, area, N]: `numbers` are [4, N], the factors of a value, of its pixel's mean and of its image's,
// and what is added to all.
extern "C" __global__ void color(
    const float *images, const float *means, const float *numbers, float *out, unsigned channels, unsigned area,
    unsigned batch, unsigned count, float brightness)
{
    unsigned index = own_index();
    if (index >= count)
        return;
    unsigned n = index % batch, pixel = index % (area * batch);
    float sum = 0.0f;
    for (unsigned c = 0; c < channels; c++)
        sum += images[c * area * batch + pixel];
    float all = means[n] * numbers[2 * batch + n] + numbers[3 * batch + n] * brightness;
    out[index] = images[index] * numbers[n] + sum / channels * numbers[batch + n] + all;
}

// Moves the pixels of images [C, S, S, N] and cuts squares out, or the adjoint of that: `numbers` are [6, N], rows and
// columns to move by, and first and last row and column of the square, the last ones not in it.
extern "C" __global__ void place(
    const float *images, const float *numbers, float *out, unsigned side, unsigned batch, unsigned count, int back)
{
    unsigned index = own_index();
    if (index >= count)
        return;
    unsigned n = index % batch, rest = index / batch;
    int to[2] = {(int)(rest / side % side), (int)(rest % side)}, from[2];
    bool inside = true, cut = true;
    for (unsigned axis = 0; axis < 2; axis++) {
        int shift = (int)numbers[axis * batch + n];
        from[axis] = to[axis] + (back ? -shift : shift);
        inside = inside && from[axis] >= 0 && from[axis] < (int)side;
        // The square lies in the changed image.
        int changed = back ? from[axis] : to[axis];
        cut = cut && changed >= (int)numbers[(2 + 2 * axis) * batch + n]
            && changed < (int)numbers[(3 + 2 * axis) * batch + n];
    }
    unsigned map = rest / side / side;
    out[index] = inside && !cut ? images[((map * side + from[0]) * side + from[1]) * batch + n] : 0.0f;
}
