// What those kernels of dfdx 0.13 compute that a training step of the CUDA engine starts, on contiguous tensors.

// The arguments of a launch.
struct Parameters {
    void **all;

    Address address(int which) const { return *(Address *)all[which]; }
    size_t size(int which) const { return *(size_t *)all[which]; }
    float number(int which) const { return *(float *)all[which]; }
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

// Of all values.
static void sum(Parameters p)
{
    if (p.size(3) != p.size(0))
        fail("a sum of parts of a tensor");
    for (size_t i = 0; i < p.size(0); i++)
        at(p.address(6), 0) += at(p.address(5), i) * p.number(2);
}

static void sum_gradient(Parameters p)
{
    for (size_t i = 0; i < p.size(0); i++)
        at(p.address(4), i) += at(p.address(5), 0) * p.number(2);
}

static void times(Parameters p, float factor)
{
    Address from = p.address(2) ? p.address(2) : p.address(3);
    for (size_t i = 0; i < p.size(1); i++)
        at(p.address(3), i) = at(from, i) * factor;
}

static void times_gradient(Parameters p, float factor)
{
    for (size_t i = 0; i < p.size(1); i++)
        at(p.address(3), i) += at(p.address(5), i) * factor;
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
        {"smul_fwd_f32", [](Parameters p) { times(p, p.number(0)); }},
        {"smul_bwd_f32", [](Parameters p) { times_gradient(p, p.number(0)); }},
        {"negate_fwd_f32", [](Parameters p) { times(p, -1); }},
        {"negate_bwd_f32", [](Parameters p) { times_gradient(p, -1); }},
    };
    auto found = kernels.find(name);
    if (found == kernels.end())
        return false;
    found->second(p);
    return true;
}
