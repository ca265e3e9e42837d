//! Memory that is checked before it is allocated: a lack of it is an error, not the end of the process.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::sync::LazyLock;

/// A number of bytes in words.
///
/// ```
/// use dcgan_core::memory::Bytes;
/// assert_eq!([1, 1023, 1536, 3 << 30].map(|bytes| Bytes(bytes).to_string()), ["1 B", "1023 B", "1.5 KiB", "3.0 GiB"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut size = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 1023.95 would be shown as 1024.0.
        while size >= 1023.95 && unit + 1 < UNITS.len() {
            size /= 1024.0;
            unit += 1;
        }
        write!(f, "{size:.1} {}", UNITS[unit])
    }
}

/// The system does not give a program the memory that it asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} take {}{}", size(*bytes), over(*limit))]
pub struct OutOfMemory {
    /// What the memory is for, a plural.
    pub what: String,
    /// How much was asked for; none if it is more than can be counted.
    pub bytes: Option<u64>,
    /// The limit of this process, where the system tells it.
    pub limit: Option<Limit>,
}

/// How much memory a process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// All of its addresses together, as `ulimit -v` sets it.
    AddressSpace(u64),
    /// What the machine, or the container, has.
    Machine(u64),
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or("more memory than can be counted".to_owned(), |bytes| format!("{} of memory", Bytes(bytes)))
}

fn over(limit: Option<Limit>) -> String {
    match limit {
        Some(Limit::AddressSpace(bytes)) => {
            format!(", which does not fit: `ulimit -v` allows this process {} in all", Bytes(bytes))
        }
        Some(Limit::Machine(bytes)) => format!(", this machine has {}", Bytes(bytes)),
        None => ", which the system does not give".to_owned(),
    }
}

impl OutOfMemory {
    /// What is not given, with the limit that it is most likely over.
    fn new(what: impl Display, bytes: Option<usize>) -> Self {
        let machine = || machine().map(Limit::Machine);
        let limit = address_space().map(Limit::AddressSpace).or_else(machine);
        Self { what: what.to_string(), bytes: bytes.map(|bytes| bytes as u64), limit }
    }
}

/// Checks that so many bytes can be allocated now for `what`, a plural, and gives them back: for work that ends the
/// process where its own allocations fail. `None` stands for more bytes than can be counted.
///
/// # Errors
/// [`OutOfMemory`] if the system refuses them, or if the machine does not have as many.
pub fn check(what: impl Display, bytes: Option<usize>) -> Result<(), OutOfMemory> {
    let is_given = bytes.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    match (is_given, machine()) {
        // Linux grants more than the machine has, and ends the process that uses it.
        (true, Some(most)) if bytes.is_some_and(|bytes| bytes as u64 > most) => {
            Err(OutOfMemory { limit: Some(Limit::Machine(most)), ..OutOfMemory::new(what, bytes) })
        }
        (true, _) => Ok(()),
        (false, _) => Err(OutOfMemory::new(what, bytes)),
    }
}

/// A vector of `length` default values for `what`, a plural; `None` stands for more than can be counted.
///
/// # Errors
/// [`OutOfMemory`] if the system refuses the memory.
pub fn try_zeroed<T: Clone + Default>(
    what: impl Display,
    length: Option<usize>,
) -> Result<Vec<T>, OutOfMemory> {
    let mut values = Vec::new();
    match length {
        Some(length) if values.try_reserve_exact(length).is_ok() => {
            values.resize(length, T::default());
            Ok(values)
        }
        _ => Err(OutOfMemory::new(what, length.and_then(|length| length.checked_mul(size_of::<T>())))),
    }
}

/// The process's limit of address space in bytes (`ulimit -v`), if there is one. Only Linux tells.
pub fn address_space() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Memory of the machine with its swap space, or of the container where that is less. Only Linux tells.
fn machine() -> Option<u64> {
    static MACHINE: LazyLock<Option<u64>> = LazyLock::new(read_machine);
    *MACHINE
}

fn read_machine() -> Option<u64> {
    let kilobytes = |info: &str, name: &str| -> Option<u64> {
        info.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let swap = kilobytes(&info, "SwapTotal:").unwrap_or(0);
    let total = kilobytes(&info, "MemTotal:")?.saturating_add(swap).saturating_mul(1024);
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|most| most.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(total.min(container))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_holds_them() {
        let said = |bytes| Bytes(bytes).to_string();
        assert_eq!([0, 1024, 1 << 20].map(said), ["0 B", "1.0 KiB", "1.0 MiB"]);
        assert_eq!(said((1 << 20) - 1), "1.0 MiB");
        assert_eq!(said(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn what_no_machine_has_is_an_error_that_names_it() {
        assert_eq!(try_zeroed::<u16>("images", Some(3)).unwrap(), [0; 3]);
        let error = try_zeroed::<f32>("5 images", Some(usize::MAX / 8)).unwrap_err();
        assert_eq!(error.bytes, Some(u64::MAX / 8 * 4));
        assert!(error.to_string().starts_with("5 images take 8192.0 PiB of memory, "), "{error}");
        let error = try_zeroed::<f32>("images", Some(usize::MAX)).unwrap_err();
        assert!(error.to_string().starts_with("images take more memory than can be counted"), "{error}");
        for bytes in [None, Some(usize::MAX)] {
            assert!(check("images", bytes).is_err());
        }
        assert_eq!(check("images", Some(1 << 20)), Ok(()));
    }

    /// The system would grant them, as long as nobody uses them.
    #[cfg(target_os = "linux")]
    #[test]
    fn more_than_the_machine_has_is_refused_with_what_it_has() {
        let most = machine().unwrap();
        let error = check("images", Some(most as usize + 1)).unwrap_err();
        let expected = [Limit::Machine(most)].into_iter().chain(address_space().map(Limit::AddressSpace));
        assert!(expected.into_iter().any(|limit| error.limit == Some(limit)), "{error}");
    }
}
