// A libcuda.so.1 whose GPU is the CPU: `cuda/without_gpu.sh` builds it, to run the program for CUDA where there is none.
//
// Our kernels run by the emulator, and those of dfdx's that a training step starts as `dfdx.h` has them. Memory and
// streams are stricter than a GPU's (`memory.h`, `streams.h`).

#include "../emulator/emulator.cpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

typedef unsigned long long Address;
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500 };

static float &at(Address floats, size_t index)
{
    return ((float *)floats)[index];
}

#include "report.h"

static Report report("");

#include "dfdx.h"
#include "memory.h"
#include "streams.h"

// A module is the names of its kernels, read from the PTX.
struct Module {
    std::string names;
};

static bool has(const Module &module, const std::string &name)
{
    return module.names.find(" " + name + " ") != std::string::npos;
}

static int load(Module **module, const char *ptx)
{
    static const char entry[] = ".visible .entry ";
    std::string names = " ";
    while ((ptx = strstr(ptx, entry))) {
        ptx += sizeof entry - 1;
        names += std::string(ptx, strcspn(ptx, "(")) + " ";
    }
    *module = new Module{names};
    return SUCCESS;
}

// Bytes of the blocks of memory that a kernel was given: each it reads or writes once at the least. A place in a block is
// a few numbers of it, and not counted.
static unsigned long long given(const Argument *arguments)
{
    Guard guard(one_at_a_time);
    unsigned long long bytes = 0;
    for (int i = 0; i < 12; i++) {
        auto block = memory.find(arguments[i]);
        bytes += block == memory.end() ? 0 : block->second;
    }
    return bytes;
}

static void start(const std::string &name, unsigned blocks, unsigned block_threads, void **parameters)
{
    for (const Kernel &kernel : KERNELS) {
        if (name != kernel.name)
            continue;
        Argument arguments[12];
        for (int i = 0; i < 12; i++)
            arguments[i] = *(Argument *)parameters[i];
        report.add("kernels.least_bytes", given(arguments));
        emulate(kernel.name, blocks, block_threads, arguments, false);
        return;
    }
    if (!run_as_dfdx(name, Parameters{parameters}))
        fail(("the stand-in for a GPU has no kernel " + name).c_str());
}

#pragma GCC visibility push(default)
extern "C" {
int cuInit(unsigned) { return SUCCESS; }
// NVRTC asks for it, and does without.
int cuGetExportTable(const void **, const void *) { return NOT_FOUND; }
int cuGetErrorString(int code, const char **text)
{
    *text = code == OUT_OF_MEMORY ? "out of memory" : "an error of the stand-in for a GPU";
    return SUCCESS;
}

int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuDeviceGet(int *device, int) { return *device = 0, SUCCESS; }
int cuDeviceGetAttribute(int *value, int attribute, int)
{
    // Compute capability 9.0; memory can be allocated on a stream.
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 1;
    return SUCCESS;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &memory, SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
int cuCtxSetCurrent(void *) { return SUCCESS; }
int cuDeviceTotalMem_v2(size_t *total, int) { return *total = capacity(), SUCCESS; }
int cuMemGetInfo_v2(size_t *available, size_t *total)
{
    Guard guard(one_at_a_time);
    *total = capacity();
    *available = *total - used;
    return SUCCESS;
}
int cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = &memory, SUCCESS; }
int cuMemPoolGetAttribute(void *, int attribute, unsigned long long *value) { return pool_value(attribute, value); }
int cuMemPoolSetAttribute(void *, int attribute, unsigned long long *to) { return set_pool_value(attribute, *to); }

int cuStreamCreate(Stream **stream, unsigned flags)
{
    Guard guard(one_at_a_time);
    streams.push_back({flags == 0, false, 0, {}});
    return *stream = &streams.back(), SUCCESS;
}
int cuStreamDestroy_v2(Stream *stream)
{
    Guard guard(one_at_a_time);
    in_order(stream);
    return stream->destroyed = true, SUCCESS;
}
int cuStreamSynchronize(Stream *stream)
{
    report.add("stream_synchronisations");
    return in_order(stream), SUCCESS;
}
int cuStreamQuery(Stream *stream) { return in_order(stream), SUCCESS; }
int cuStreamWaitEvent(Stream *stream, Event *event, unsigned) { return wait(event, stream); }
int cuCtxSynchronize()
{
    report.add("context_synchronisations");
    Guard guard(one_at_a_time);
    for (Stream &stream : streams)
        catch_up(stream);
    return SUCCESS;
}
int cuEventCreate(Event **event, unsigned) { return *event = new Event{NULL, 0}, SUCCESS; }
int cuEventRecord(Event *event, Stream *stream) { return record(event, stream); }
int cuEventSynchronize(Event *event)
{
    report.add("event_synchronisations");
    return wait(event, NULL);
}
int cuEventQuery(Event *event) { return wait(event, NULL); }
int cuEventDestroy_v2(Event *event) { return delete event, SUCCESS; }

int cuMemAllocAsync(Address *address, size_t bytes, Stream *) { return allocate(address, bytes); }
int cuMemAlloc_v2(Address *address, size_t bytes) { return allocate(address, bytes); }
int cuMemFreeAsync(Address address, Stream *stream) { return free_in_order(address, stream); }
int cuMemFree_v2(Address address) { return free_in_order(address, NULL); }
int cuMemHostAlloc(char **start, size_t bytes, unsigned) { return allocate_pinned(start, bytes); }
int cuMemAllocHost_v2(char **start, size_t bytes) { return allocate_pinned(start, bytes); }
int cuMemFreeHost(char *start) { return free_pinned(start); }
int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, Stream *stream)
{
    report.add_bytes("memset", bytes);
    in_order(stream);
    return memset(inside(to, bytes), value, bytes), SUCCESS;
}
int cuMemcpyHtoDAsync_v2(Address to, const char *from, size_t bytes, Stream *stream)
{
    report.add_bytes("host_to_device", bytes);
    return copy(inside(to, bytes), from, bytes, stream, !is_pinned(from));
}
int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream *stream)
{
    report.add_bytes("device_to_host", bytes);
    return copy(to, inside(from, bytes), bytes, stream, false);
}
int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *stream)
{
    report.add_bytes("device_to_device", bytes);
    return copy(inside(to, bytes), inside(from, bytes), bytes, stream, false);
}
int cuMemsetD8_v2(Address to, unsigned char value, size_t bytes) { return cuMemsetD8Async(to, value, bytes, NULL); }
int cuMemcpyHtoD_v2(Address to, const char *from, size_t bytes) { return cuMemcpyHtoDAsync_v2(to, from, bytes, NULL); }
int cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) { return cuMemcpyDtoHAsync_v2(to, from, bytes, NULL); }
int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) { return cuMemcpyDtoDAsync_v2(to, from, bytes, NULL); }

int cuModuleLoad(Module **, const char *) { return NOT_FOUND; }
int cuModuleLoadData(Module **module, const char *ptx) { return load(module, ptx); }
int cuModuleUnload(Module *module) { return delete module, SUCCESS; }
int cuModuleGetFunction(std::string **function, Module *module, const char *name)
{
    if (!has(*module, name))
        return NOT_FOUND;
    *function = new std::string(name);
    return SUCCESS;
}
int cuLaunchKernel(
    std::string *function, unsigned blocks, unsigned, unsigned, unsigned block_threads, unsigned, unsigned, unsigned,
    Stream *stream, void **parameters, void **)
{
    report.add("launches");
    report.add("launches." + *function);
    in_order(stream);
    static std::mutex one_kernel_at_a_time;
    std::lock_guard<std::mutex> guard(one_kernel_at_a_time);
    start(*function, blocks, block_threads, parameters);
    return SUCCESS;
}
}
