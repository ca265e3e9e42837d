//! How much memory the system still gives this process.

use std::fs;
use std::path::{Path, PathBuf};

/// A bound of this process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What bounds it, and how it is changed.
    pub name: &'static str,
    /// Bytes that the process can still get.
    pub left: u64,
}

/// The tightest bound: the limits of the process (`ulimit -v`, `ulimit -d`), those of its control groups, and the
/// machine's memory, with its swap. `None` where none is known, as on systems other than Linux.
pub fn tightest() -> Option<Limit> {
    limits(&|path| fs::read_to_string(path).ok()).into_iter().min_by_key(|limit| limit.left)
}

/// All bounds, of the files that `read` reads.
fn limits(read: &dyn Fn(&Path) -> Option<String>) -> Vec<Limit> {
    let text = |path: &str| read(Path::new(path)).unwrap_or_default();
    let (limits, status, machine) =
        (text("/proc/self/limits"), text("/proc/self/status"), text("/proc/meminfo"));
    let of_process = |name, row: &str, used: &str| {
        let bytes = limits.lines().find_map(|line| line.strip_prefix(row))?.split_whitespace().next()?;
        Some(Limit { name, left: bytes.parse::<u64>().ok()?.saturating_sub(kib(&status, used)?) })
    };
    let available = kib(&machine, "MemAvailable:").map(|left| left + kib(&machine, "SwapFree:").unwrap_or(0));
    let mut found: Vec<Limit> = [
        of_process("address space (ulimit -v)", "Max address space", "VmSize:"),
        of_process("data (ulimit -d)", "Max data size", "VmData:"),
        available.map(|left| Limit { name: "this machine's memory (MemAvailable of /proc/meminfo)", left }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let groups = text("/proc/self/cgroup");
    found.extend(groups.lines().flat_map(groups_of).filter_map(|group| left_in_group(&group, read)));
    found
}

/// The bytes of a row `Name:  123 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Where a control group keeps its numbers.
struct Group {
    folder: PathBuf,
    /// The names of its limit, of what is in use, and of what the kernel drops when memory is needed.
    names: [&'static str; 2],
    caches: [&'static str; 2],
}

/// The group of a row of `/proc/self/cgroup`, and all that it is in: each has a limit of its own.
fn groups_of(row: &str) -> Vec<Group> {
    let mut parts = row.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (base, names, caches) = if controllers.is_empty() {
        ("/sys/fs/cgroup", ["memory.max", "memory.current"], ["active_file", "inactive_file"])
    } else if controllers.split(',').any(|controller| controller == "memory") {
        let names = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
        ("/sys/fs/cgroup/memory", names, ["total_active_file", "total_inactive_file"])
    } else {
        return Vec::new();
    };
    let group = |path: &Path| Group { folder: Path::new(base).join(path), names, caches };
    Path::new(path.trim_start_matches('/')).ancestors().map(group).collect()
}

fn left_in_group(group: &Group, read: &dyn Fn(&Path) -> Option<String>) -> Option<Limit> {
    let number = |name: &str| read(&group.folder.join(name))?.trim().parse::<u64>().ok();
    let [limit, used] = [number(group.names[0])?, number(group.names[1])?];
    let stat = read(&group.folder.join("memory.stat")).unwrap_or_default();
    let caches = stat.lines().filter_map(|line| line.split_once(' '));
    let caches = caches
        .filter(|(name, _)| group.caches.contains(name))
        .filter_map(|(_, bytes)| bytes.parse::<u64>().ok());
    let used = used.saturating_sub(caches.sum());
    Some(Limit { name: "the control group's memory (memory.max)", left: limit.saturating_sub(used) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn found(files: &[(&str, &str)]) -> Vec<(&'static str, u64)> {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        };
        limits(&read)
            .into_iter()
            .map(|limit| (limit.name.split(' ').next().unwrap(), limit.left / MIB))
            .collect()
    }

    #[test]
    fn the_limits_of_a_process_count_what_it_has() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max data size             unlimited            unlimited            bytes     \n\
            Max address space         2147483648           unlimited            bytes     \n";
        let status = "Name:\tdcgan-train\nVmPeak:\t  999999 kB\nVmSize:\t  524288 kB\nVmData:\t  1024 kB\n";
        let machine =
            "MemTotal:       16384000 kB\nMemAvailable:    4194304 kB\nSwapFree:        1048576 kB\n";
        let files =
            [("/proc/self/limits", limits), ("/proc/self/status", status), ("/proc/meminfo", machine)];
        assert_eq!(found(&files), [("address", 2048 - 512), ("this", 5 * 1024)]);
        let lower = limits.replace(
            "unlimited            unlimited            bytes     \nMax addr",
            "2097152 1 bytes\nMax addr",
        );
        assert_eq!(found(&[("/proc/self/limits", &lower), files[1]])[1], ("data", 1));
        assert_eq!(found(&[]), [], "another system");
    }

    /// A group has no more than those that it is in, and file caches are given back.
    #[test]
    fn every_group_above_counts() {
        let files = [
            ("/proc/self/cgroup", "0::/user/run\n"),
            ("/sys/fs/cgroup/user/run/memory.max", "max\n"),
            ("/sys/fs/cgroup/user/run/memory.current", "1048576\n"),
            ("/sys/fs/cgroup/user/memory.max", "1073741824\n"),
            ("/sys/fs/cgroup/user/memory.current", "314572800\n"),
            (
                "/sys/fs/cgroup/user/memory.stat",
                "anon 104857600\ninactive_file 104857600\nactive_file 104857600\n",
            ),
        ];
        assert_eq!(found(&files), [("the", 1024 - 100)]);
        let old = [
            ("/proc/self/cgroup", "5:cpu:/\n4:memory:/docker/1\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "536870913\n"),
        ];
        assert_eq!(found(&old), [("the", 0)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_some_memory_left() {
        let limit = tightest().unwrap();
        assert!((MIB..1 << 50).contains(&limit.left), "{limit:?}");
    }
}
