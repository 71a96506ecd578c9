//! What a process uses.

use std::fs;
use std::time::Duration;

/// A process's use of the machine so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// The most memory it had resident, in bytes.
    pub(crate) peak_bytes: u64,
    /// What it has resident, in bytes.
    pub(crate) resident_bytes: u64,
}

/// What Linux counts processor time in, for whoever reads `/proc` (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// As of now; `None` if the process is gone.
pub(crate) fn usage_of(process: u32) -> Option<Usage> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).ok();
    let status = read("status")?;
    Some(Usage {
        cpu: cpu(&read("stat")?)?,
        peak_bytes: bytes_of(&status, "VmHWM:")?,
        resident_bytes: bytes_of(&status, "VmRSS:")?,
    })
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)); the second field is a name in parentheses, which
/// may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

/// A size in `/proc/PID/status`; a process that has ended but was not waited for has none.
fn bytes_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_its_manual_says() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 1 2 3";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu("7 (a"), None);
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(bytes_of(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(bytes_of(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(bytes_of("Name:\ta\n", "VmHWM:"), None);
        let own = usage_of(std::process::id()).unwrap();
        assert!(own.resident_bytes > 1 << 20 && own.peak_bytes >= own.resident_bytes, "{own:?}");
    }
}
