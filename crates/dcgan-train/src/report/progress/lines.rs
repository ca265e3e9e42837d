//! Plain lines, one after the other.

use std::fmt::Display;
use std::io::Write;

use dcgan_core::terminal::escaped;
use dcgan_data::DownloadEvent;

use crate::report::event::Event;

/// Bytes between two lines about a file whose size is not known.
const BYTES_A_LINE: u64 = 16 << 20;

/// Writes a line for each event that is worth one: neither for each step nor for each piece of a download.
pub struct Lines<W> {
    out: W,
    download: Option<Download>,
}

/// How far the last line about a download has it.
#[derive(PartialEq)]
struct Download {
    file: String,
    part: u64,
}

impl<W: Write> Lines<W> {
    /// Lines to `out`.
    pub fn new(out: W) -> Self {
        Self { out, download: None }
    }

    /// Writes an event's line, if it gets one.
    pub fn tell(&mut self, event: &Event) {
        let worth_a_line = match event {
            Event::Step(_) => false,
            Event::Download(DownloadEvent::Progress { file, received, total }) => {
                self.moved_on(file, *received, *total)
            }
            _ => true,
        };
        if worth_a_line {
            self.say(event);
        }
    }

    /// Writes a line.
    pub fn say(&mut self, line: &dyn Display) {
        drop(writeln!(self.out, "{}", escaped(&line.to_string())));
    }

    /// Whether a download is in another tenth than at the last line.
    fn moved_on(&mut self, file: &str, received: u64, total: Option<u64>) -> bool {
        let part = match total {
            Some(total) => received.saturating_mul(10) / total.max(1),
            None => received / BYTES_A_LINE,
        };
        let now = Some(Download { file: file.to_owned(), part });
        let before = std::mem::replace(&mut self.download, now);
        before != self.download
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::StepStats;
    use crate::report::event::Step;
    use crate::report::metrics::Average;

    fn lines(events: &[Event]) -> Vec<String> {
        let mut lines = Lines::new(Vec::new());
        events.iter().for_each(|event| lines.tell(event));
        String::from_utf8(lines.out).unwrap().lines().map(str::to_owned).collect()
    }

    fn downloading(received: u64, total: Option<u64>) -> Event {
        Event::Download(DownloadEvent::Progress { file: "data.tar".to_owned(), received, total })
    }

    #[test]
    fn a_download_has_a_line_for_each_tenth() {
        let mut events: Vec<_> = (0..=1000).map(|i| downloading(i << 14, Some(1000 << 14))).collect();
        events.push(Event::Download(DownloadEvent::Done { file: "data.tar".to_owned() }));
        let lines = lines(&events);
        assert_eq!(lines.len(), 12, "{lines:#?}");
        assert_eq!(lines[0], "downloading data.tar: 0 B of 15.62 MiB (0 %)");
        assert_eq!(lines[3], "downloading data.tar: 4.69 MiB of 15.62 MiB (30 %)");
        assert_eq!(lines[11], "downloaded data.tar");
    }

    #[test]
    fn a_download_of_unknown_size_has_few_lines() {
        let events: Vec<_> = (0..1000).map(|i| downloading(i << 16, None)).collect();
        let lines = lines(&events);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(lines[1], "downloading data.tar: 16.00 MiB");
    }

    #[test]
    fn strange_sizes_are_no_trouble() {
        let found =
            lines(&[downloading(5, Some(0)), downloading(u64::MAX, Some(7)), downloading(0, Some(u64::MAX))]);
        assert_eq!(found.len(), 3, "{found:#?}");
    }

    #[test]
    fn steps_have_no_lines_of_their_own() {
        let stats = StepStats { loss_d: 1.0, loss_g: 2.0, d_x: 0.75, d_g_z: 0.25, ..Default::default() };
        let step = Event::Step(Step { epoch: 1, epochs: 2, step: 7, steps: 9, images_seen: 56, stats });
        let averages = Average { stats, images_per_second: 8.0 };
        let progress = Event::Progress { epoch: 1, epochs: 2, step: 7, averages };
        assert_eq!(lines(&[step.clone(), progress.clone(), step]), [progress.to_string()]);
    }
}
