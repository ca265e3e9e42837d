// What those kernels of dfdx 0.13 compute that a training step of the CUDA engine starts.

// The arguments of a launch.
struct Parameters {
    void **all;

    Address address(int which) const { return *(Address *)all[which]; }
    size_t size(int which) const { return *(size_t *)all[which]; }
    float number(int which) const { return *(float *)all[which]; }
    const size_t *sizes(int which) const { return (const size_t *)address(which); }
};

// The sizes of a tensor's dimensions, and after them its strides in one memory, and in another.
struct Layout {
    size_t dimensions;
    const size_t *sizes;

    // Where the element lies that comes after `index` others.
    size_t place(size_t index, int memory) const
    {
        size_t place = 0;
        for (size_t d = dimensions; d-- > 0; index /= sizes[d])
            place += index % sizes[d] * sizes[(memory + 1) * dimensions + d];
        return place;
    }

    // Where in the second memory what lies at `place` in the first has a part.
    size_t second_place(size_t place) const
    {
        size_t second = 0;
        for (size_t d = 0; d < dimensions; d++)
            if (size_t stride = sizes[dimensions + d])
                second += place / stride % sizes[d] * sizes[2 * dimensions + d];
        return second;
    }
};

// One step with decay and classic momentum, the one way in which the engine asks for it.
static void gradient_descent(Parameters p)
{
    struct Settings {
        double rate;
        int kind_of_momentum;
        double momentum;
        int kind_of_decay;
        double decay;
    };
    Settings settings = *(Settings *)p.all[0];
    if (settings.kind_of_momentum != 1 || settings.kind_of_decay != 1)
        fail("gradient descent of another kind");
    Address parameter = p.address(2), velocity = p.address(3), gradient = p.address(4);
    report.add("kernels.least_bytes", 5 * 4 * p.size(1));
    for (size_t i = 0; i < p.size(1); i++) {
        float sum = at(gradient, i) + (float)settings.decay * at(parameter, i);
        at(velocity, i) = sum + (float)settings.momentum * at(velocity, i);
        at(parameter, i) -= at(velocity, i) * (float)settings.rate;
    }
}

static void adam(Parameters p)
{
    struct Settings {
        double rate, beta1, beta2, eps;
        int kind_of_decay;
    };
    Settings settings = *(Settings *)p.all[0];
    if (settings.kind_of_decay != 0)
        fail("Adam with decay");
    report.add("kernels.least_bytes", 7 * 4 * p.size(1));
    float beta1 = settings.beta1, beta2 = settings.beta2, rate = settings.rate, eps = settings.eps;
    float unbias1 = 1 - powf(beta1, *(int *)p.all[2]), unbias2 = 1 - powf(beta2, *(int *)p.all[2]);
    for (size_t i = 0; i < p.size(1); i++) {
        float gradient = at(p.address(6), i), &first = at(p.address(4), i), &second = at(p.address(5), i);
        first = first * beta1 + gradient * (1 - beta1);
        second = second * beta2 + gradient * gradient * (1 - beta2);
        at(p.address(3), i) -= rate * (first / unbias1) / (sqrtf(second / unbias2) + eps);
    }
}

// a = a alpha + b beta
static void axpy(Parameters p)
{
    for (size_t i = 0; i < p.size(0); i++)
        at(p.address(1), i) = at(p.address(1), i) * p.number(2) + at(p.address(3), i) * p.number(4);
}

// The cross-entropy of logits and probabilities; what has no address is where the result goes.
static void cross_entropy(Parameters p)
{
    Address result = p.address(6);
    Address logits = p.address(4) ? p.address(4) : result, labels = p.address(5) ? p.address(5) : result;
    for (size_t i = 0; i < p.size(1); i++) {
        float logit = at(logits, i), label = at(labels, i);
        at(result, i) = fmaxf(logit, 0) - logit * label + logf(1 + expf(-fabsf(logit)));
    }
}

static void cross_entropy_by_logit(Parameters p)
{
    for (size_t i = 0; i < p.size(1); i++) {
        float slope = 1 - at(p.address(7), i) - 1 / (1 + expf(at(p.address(4), i)));
        at(p.address(5), i) += slope * at(p.address(8), i);
    }
}

static void cross_entropy_by_label(Parameters p)
{
    for (size_t i = 0; i < p.size(1); i++)
        at(p.address(6), i) -= at(p.address(4), i) * at(p.address(8), i);
}

// Adds up chunks of some length, as a GPU with its partial sums loses few digits.
template <class F> static void sum_chunks(size_t count, size_t length, Address sums, F value)
{
    for (size_t start = 0; start < count; start += length) {
        double sum = 0;
        for (size_t i = start; i < start + length; i++)
            sum += value(i);
        at(sums, start / length) += (float)sum;
    }
}

static void sum(Parameters p)
{
    Layout layout = {p.size(1), p.sizes(4)};
    sum_chunks(p.size(0), p.size(3), p.address(6), [=](size_t i) {
        return at(p.address(5), layout.place(i, 0)) * p.number(2);
    });
}

static void sum_gradient(Parameters p)
{
    Layout layout = {p.size(1), p.sizes(3)};
    for (size_t i = 0; i < p.size(0); i++)
        at(p.address(4), i) += at(p.address(5), layout.second_place(i)) * p.number(2);
}

static void reshape(Parameters p, bool gradient)
{
    Layout from = {p.size(1), p.sizes(3)}, to = {p.size(2), p.sizes(3) + 2 * p.size(1)};
    for (size_t i = 0; i < p.size(0); i++) {
        size_t here = from.place(i, 0), there = to.place(i, 0);
        if (gradient)
            at(p.address(4), here) += at(p.address(5), there);
        else
            at(p.address(5), there) = at(p.address(4), here);
    }
}

// A function of each element; a tensor that has no address is where the result goes.
template <class F> static void map(Parameters p, F function)
{
    Address from = p.address(2) ? p.address(2) : p.address(3);
    for (size_t i = 0; i < p.size(1); i++)
        at(p.address(3), i) = function(at(from, i));
}

// By the slope at an element, or at its result.
template <class F> static void map_gradient(Parameters p, F slope)
{
    Address which = p.address(2) ? p.address(2) : p.address(4);
    for (size_t i = 0; i < p.size(1); i++)
        at(p.address(3), i) += slope(which ? at(which, i) : 0) * at(p.address(5), i);
}

// A function of the elements of two tensors.
template <class F> static void combine(Parameters p, F function)
{
    Layout layout = {p.size(2), p.sizes(3)};
    Address left = p.address(4), right = p.address(5), result = p.address(6);
    for (size_t i = 0; i < p.size(1); i++) {
        float x = left ? at(left, layout.place(i, 0)) : at(result, i);
        float y = right ? at(right, layout.place(i, 1)) : at(result, i);
        at(result, i) = function(x, y);
    }
}

// By the slope of the first tensor, of which an element is in as many results in a row as a chunk is long.
template <class F> static void left_gradient(Parameters p, F slope)
{
    Layout layout = {p.size(2), p.sizes(3)};
    size_t length = p.size(6);
    sum_chunks(p.size(1), length, p.address(5), [=](size_t i) {
        return slope(at(p.address(4), i / length), at(p.address(7), layout.place(i, 1)))
            * at(p.address(8), layout.place(i, 0));
    });
}

template <class F> static void right_gradient(Parameters p, F slope)
{
    Layout layout = {p.size(2), p.sizes(3) + 3 * p.size(2)};
    size_t length = p.size(7);
    sum_chunks(p.size(1), length, p.address(6), [=](size_t i) {
        return slope(at(p.address(4), layout.place(i, 1)), at(p.address(5), i / length))
            * at(p.address(8), layout.place(i, 0));
    });
}

static void clamp(Parameters p)
{
    const float *range = (const float *)p.all[0];
    map(p, [=](float x) { return fmaxf(fminf(x, range[1]), range[0]); });
}

static void clamp_gradient(Parameters p)
{
    const float *range = (const float *)p.all[0];
    map_gradient(p, [=](float x) { return x >= range[0] && x <= range[1] ? 1.0f : 0.0f; });
}

// Whether it was one of them.
static bool run_as_dfdx(const std::string &name, Parameters p)
{
    static const std::map<std::string, void (*)(Parameters)> kernels = {
        {"sgd_update_f32", gradient_descent},
        {"adam_update_f32", adam},
        {"axpy_f32", axpy},
        {"bce_fwd_f32", cross_entropy},
        {"bce_bwd_lhs_f32", cross_entropy_by_logit},
        {"bce_bwd_rhs_f32", cross_entropy_by_label},
        {"sum_to_fwd_f32", sum},
        {"sum_to_bwd_f32", sum_gradient},
        {"reshape_fwd", [](Parameters p) { reshape(p, false); }},
        {"reshape_bwd", [](Parameters p) { reshape(p, true); }},
        {"smul_fwd_f32", [](Parameters p) { map(p, [=](float x) { return x * p.number(0); }); }},
        {"smul_bwd_f32", [](Parameters p) { map_gradient(p, [=](float) { return p.number(0); }); }},
        {"negate_fwd_f32", [](Parameters p) { map(p, [](float x) { return -x; }); }},
        {"negate_bwd_f32", [](Parameters p) { map_gradient(p, [](float) { return -1; }); }},
        {"square_fwd_f32", [](Parameters p) { map(p, [](float x) { return x * x; }); }},
        {"square_bwd_f32", [](Parameters p) { map_gradient(p, [](float x) { return x + x; }); }},
        {"sqrt_fwd_f32", [](Parameters p) { map(p, sqrtf); }},
        // At the result.
        {"sqrt_bwd_f32", [](Parameters p) { map_gradient(p, [](float y) { return 1 / (y + y); }); }},
        {"clamp_fwd_f32", clamp},
        {"clamp_bwd_f32", clamp_gradient},
        {"bmul_fwd_f32", [](Parameters p) { combine(p, [](float x, float y) { return x * y; }); }},
        {"bmul_bwd_lhs_f32", [](Parameters p) { left_gradient(p, [](float, float y) { return y; }); }},
        {"bmul_bwd_rhs_f32", [](Parameters p) { right_gradient(p, [](float x, float) { return x; }); }},
        {"bdiv_fwd_f32", [](Parameters p) { combine(p, [](float x, float y) { return x / y; }); }},
        {"bdiv_bwd_lhs_f32", [](Parameters p) { left_gradient(p, [](float, float y) { return 1 / y; }); }},
        {"bdiv_bwd_rhs_f32", [](Parameters p) { right_gradient(p, [](float x, float y) { return -x / (y * y); }); }},
    };
    auto found = kernels.find(name);
    if (found == kernels.end())
        return false;
    found->second(p);
    return true;
}
