// What a program asks for, counted by name, and written as the program ends to the file that STAND_IN_REPORT names, a
// line of `name value` for each. Each library has a report of its own, whose file's name ends in `ending`.

#pragma once

#include <map>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string>

class Report {
    const char *ending;
    std::mutex one_at_a_time;
    std::map<std::string, unsigned long long> values;

public:
    explicit Report(const char *ending) : ending(ending) {}

    void add(const std::string &name, unsigned long long count = 1)
    {
        std::lock_guard<std::mutex> guard(one_at_a_time);
        values[name] += count;
    }

    void add_bytes(const std::string &name, unsigned long long bytes)
    {
        add(name);
        add(name + ".bytes", bytes);
    }

    void raise(const std::string &name, unsigned long long least)
    {
        std::lock_guard<std::mutex> guard(one_at_a_time);
        if (values[name] < least)
            values[name] = least;
    }

    ~Report()
    {
        const char *name = getenv("STAND_IN_REPORT");
        FILE *file = name ? fopen((std::string(name) + ending).c_str(), "w") : NULL;
        if (!file)
            return;
        for (auto &value : values)
            fprintf(file, "%s %llu\n", value.first.c_str(), value.second);
        fclose(file);
    }
};
