// The GPU's memory: blocks of the CPU's, which begin as what is no number, between margins that nothing may write.

static const size_t MARGIN = 64;
static std::recursive_mutex one_at_a_time;
static std::map<Address, size_t> memory;
static size_t used, most_used;

typedef std::lock_guard<std::recursive_mutex> Guard;

// The memory of the GPU in bytes: STAND_IN_MIB, or an H100's.
static size_t capacity()
{
    const char *mib = getenv("STAND_IN_MIB");
    return (mib ? (size_t)atol(mib) : 80 * 1024) << 20;
}

static int allocate(Address *address, size_t bytes)
{
    Guard guard(one_at_a_time);
    if (used + bytes > capacity())
        return OUT_OF_MEMORY;
    char *start = (char *)malloc(bytes + 2 * MARGIN);
    memset(start, 0xff, bytes + 2 * MARGIN);
    *address = (Address)(start + MARGIN);
    memory[*address] = bytes;
    used += bytes;
    most_used = std::max(most_used, used);
    report.add("allocations");
    report.raise("peak_bytes", used);
    return SUCCESS;
}

static int release(Address address)
{
    Guard guard(one_at_a_time);
    auto block = memory.find(address);
    if (block == memory.end())
        fail("what is freed was not allocated");
    char *start = (char *)address - MARGIN;
    for (size_t i = 0; i < MARGIN; i++)
        if (start[i] != (char)0xff || start[MARGIN + block->second + i] != (char)0xff)
            fail("something wrote beside the memory that it was given");
    memset(start, 0xff, block->second + 2 * MARGIN);
    free(start);
    used -= block->second;
    memory.erase(block);
    return SUCCESS;
}

// Checks that bytes lie in one block of memory.
static void *inside(Address address, size_t bytes)
{
    Guard guard(one_at_a_time);
    auto block = memory.upper_bound(address);
    if (bytes > 0 && (block == memory.begin() || address + bytes > (--block)->first + block->second))
        fail("a copy beyond the memory that was allocated");
    return (void *)address;
}

// What the program can ask a pool of memory for, and set; all memory is of one pool.
enum { RELEASE_THRESHOLD = 4, USED_MEM_CURRENT = 7, USED_MEM_HIGH = 8 };

static int pool_value(int attribute, unsigned long long *value)
{
    Guard guard(one_at_a_time);
    if (attribute != USED_MEM_CURRENT && attribute != USED_MEM_HIGH)
        return INVALID_VALUE;
    *value = attribute == USED_MEM_CURRENT ? used : most_used;
    return SUCCESS;
}

static int set_pool_value(int attribute, unsigned long long value)
{
    Guard guard(one_at_a_time);
    // What is freed goes back to the system at once, which no program can tell.
    if (attribute == RELEASE_THRESHOLD)
        return SUCCESS;
    if (attribute != USED_MEM_HIGH || value != 0)
        return INVALID_VALUE;
    most_used = used;
    return SUCCESS;
}
