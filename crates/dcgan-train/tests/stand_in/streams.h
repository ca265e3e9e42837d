// Streams. On the default one, NULL, everything is done when it is asked for. What another one is to copy is put off as
// long as CUDA allows: until a stream or the program waits for it, or something follows on its stream that is not a copy.
// So a program that does not wait reads what is no number, or what was there before.

struct Copy {
    char *to;
    const char *from;
    size_t bytes;
    // What `from` is in, where the program may change its own bytes at once.
    std::unique_ptr<char[]> staged;
};

struct Stream {
    // The default stream waits for all that it was asked for before.
    bool blocking;
    bool destroyed;
    size_t done;
    std::deque<Copy> put_off;
};

// How far a stream had come, with all that it was asked for before.
struct Event {
    Stream *stream;
    size_t place;
};

static std::list<Stream> streams;
static std::map<const char *, size_t> pinned;

static void catch_up(Stream &stream, size_t place)
{
    for (; stream.done < place && !stream.put_off.empty(); stream.done++) {
        const Copy &copy = stream.put_off.front();
        memcpy(copy.to, copy.from, copy.bytes);
        stream.put_off.pop_front();
    }
}

static void catch_up(Stream &stream)
{
    catch_up(stream, stream.done + stream.put_off.size());
}

// Before something that cannot be put off.
static void in_order(Stream *stream)
{
    Guard guard(one_at_a_time);
    if (stream && stream->destroyed)
        fail("a stream that was destroyed");
    for (Stream &other : streams)
        if (stream ? &other == stream : other.blocking)
            catch_up(other);
}

// Before memory goes, of the GPU or pinned.
static void nothing_put_off(const char *start, size_t bytes)
{
    auto among = [=](const char *other, size_t its) { return other < start + bytes && start < other + its; };
    for (Stream &stream : streams)
        for (Copy &copy : stream.put_off)
            if (among(copy.to, copy.bytes) || among(copy.from, copy.bytes))
                fail("memory is freed that a stream has yet to copy to or from");
}

static bool is_pinned(const char *start)
{
    Guard guard(one_at_a_time);
    auto block = pinned.upper_bound(start);
    return block != pinned.begin() && start < (--block)->first + block->second;
}

// With bytes that may change after this, or not.
static int copy(void *to, const void *from, size_t bytes, Stream *stream, bool may_change)
{
    Guard guard(one_at_a_time);
    if (!stream) {
        in_order(NULL);
        memcpy(to, from, bytes);
        return SUCCESS;
    }
    if (stream->destroyed)
        fail("a copy on a stream that was destroyed");
    Copy copy = {(char *)to, (const char *)from, bytes, NULL};
    if (may_change) {
        copy.staged.reset(new char[bytes]);
        copy.from = (char *)memcpy(copy.staged.get(), from, bytes);
    }
    stream->put_off.push_back(std::move(copy));
    return SUCCESS;
}

static int record(Event *event, Stream *stream)
{
    Guard guard(one_at_a_time);
    *event = {stream, stream ? stream->done + stream->put_off.size() : 0};
    return SUCCESS;
}

static int wait(const Event *event, Stream *waiting)
{
    Guard guard(one_at_a_time);
    if (event->stream && event->stream != waiting)
        catch_up(*event->stream, event->place);
    return SUCCESS;
}

static int free_in_order(Address address, Stream *stream)
{
    Guard guard(one_at_a_time);
    in_order(stream);
    auto block = memory.find(address);
    if (block != memory.end())
        nothing_put_off((char *)address, block->second);
    return release(address);
}

static int allocate_pinned(char **start, size_t bytes)
{
    Guard guard(one_at_a_time);
    *start = (char *)memset(malloc(bytes), 0xff, bytes);
    pinned[*start] = bytes;
    return SUCCESS;
}

static int free_pinned(char *start)
{
    Guard guard(one_at_a_time);
    if (!pinned.count(start))
        fail("what is freed was not pinned");
    nothing_put_off(start, pinned[start]);
    pinned.erase(start);
    free(start);
    return SUCCESS;
}
