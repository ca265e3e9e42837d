// Runs CUDA kernels on the CPU, as they are: the threads of a block take turns from one barrier to the next.

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <utility>

#define __device__ static
#define __global__
#define __shared__ static

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim, gridDim;
static void __syncthreads();

static float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static unsigned __float_as_uint(float value)
{
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#include "kernels.cu"

typedef unsigned long long Argument;

static const unsigned MOST = 1024;
static const size_t STACK = 64 * 1024;

struct Thread {
    ucontext_t start;
    jmp_buf place;
    bool has_started, waits, has_ended;
};
static Thread threads[MOST];
static char stacks[MOST][STACK];
static jmp_buf turns;
static unsigned current;
static bool in_turns;
static void (*body)(const Argument *);
static const Argument *body_arguments;

static void fail(const char *what)
{
    fprintf(stderr, "emulator: %s\n", what);
    abort();
}

static void __syncthreads()
{
    if (!in_turns)
        fail("a barrier in a kernel that was said to have none");
    threads[current].waits = true;
    if (!_setjmp(threads[current].place))
        _longjmp(turns, 1);
}

static void whole_thread()
{
    body(body_arguments);
    threads[current].has_ended = true;
    _longjmp(turns, 1);
}

static void resume(unsigned thread)
{
    current = threadIdx.x = thread;
    threads[thread].waits = false;
    if (_setjmp(turns))
        return;
    if (threads[thread].has_started)
        _longjmp(threads[thread].place, 1);
    threads[thread].has_started = true;
    setcontext(&threads[thread].start);
}

static void run_in_turns(bool backwards)
{
    in_turns = true;
    for (unsigned thread = 0; thread < blockDim.x; thread++) {
        Thread &it = threads[thread];
        it.has_started = it.waits = it.has_ended = false;
        getcontext(&it.start);
        it.start.uc_stack.ss_sp = stacks[thread];
        it.start.uc_stack.ss_size = STACK;
        it.start.uc_link = NULL;
        makecontext(&it.start, whole_thread, 0);
    }
    for (unsigned waiting = 1; waiting > 0;) {
        waiting = 0;
        for (volatile unsigned turn = 0; turn < blockDim.x; turn++)
            resume(backwards ? blockDim.x - 1 - turn : turn);
        for (unsigned thread = 0; thread < blockDim.x; thread++)
            waiting += threads[thread].waits;
        if (waiting != 0 && waiting != blockDim.x)
            fail("a barrier that some threads of the block do not come to");
    }
    in_turns = false;
}

template <class A> static A argument(Argument value)
{
    A result;
    memcpy(&result, &value, sizeof result);
    return result;
}

template <class... A, size_t... I>
static void call(void (*kernel)(A...), const Argument *arguments, std::index_sequence<I...>)
{
    kernel(argument<A>(arguments[I])...);
}

template <class... A> static void call(void (*kernel)(A...), const Argument *arguments)
{
    call(kernel, arguments, std::index_sequence_for<A...>());
}

struct Kernel {
    const char *name;
    bool has_barriers;
    void (*run)(const Argument *);
};
#define KERNEL(name, has_barriers) { #name, has_barriers, [](const Argument *arguments) { call(name, arguments); } }
static const Kernel KERNELS[] = {
    KERNEL(activate, false),
    KERNEL(activation_gradient, false),
    KERNEL(add_bias, false),
    KERNEL(add_row_sums, true),
    KERNEL(add_squares, true),
    KERNEL(color, false),
    KERNEL(cross_entropy, true),
    KERNEL(gather_patches, false),
    KERNEL(gather_patches_bf16, false),
    KERNEL(image_means, true),
    KERNEL(images_from_bytes, false),
    KERNEL(norm_gradient, true),
    KERNEL(norm_infer, false),
    KERNEL(norm_train, true),
    KERNEL(place, false),
    KERNEL(round_to_bf16, false),
    KERNEL(sum_patches, false),
    KERNEL(sum_patches_bf16, false),
};

// Runs a kernel's blocks and threads one after the other, or the last ones first; 0, or 1 for a name that is none.
extern "C" int emulate(
    const char *name, unsigned blocks, unsigned block_threads, const Argument *arguments, bool backwards)
{
    for (const Kernel &kernel : KERNELS) {
        if (strcmp(kernel.name, name))
            continue;
        if (block_threads > MOST)
            fail("too many threads in a block");
        gridDim.x = blocks;
        blockDim.x = block_threads;
        body = kernel.run;
        body_arguments = arguments;
        for (unsigned block = 0; block < blocks; block++) {
            blockIdx.x = backwards ? blocks - 1 - block : block;
            if (kernel.has_barriers)
                run_in_turns(backwards);
            else
                for (unsigned thread = 0; thread < block_threads; thread++) {
                    threadIdx.x = backwards ? block_threads - 1 - thread : thread;
                    body(arguments);
                }
        }
        return 0;
    }
    return 1;
}
