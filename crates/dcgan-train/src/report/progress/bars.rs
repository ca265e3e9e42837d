//! Bars at the lower end of a terminal, and lines above them.

use std::fmt::Display;

use console::truncate_str;
use dcgan_core::terminal::escaped;
use dcgan_data::DownloadEvent;
use indicatif::{FormattedDuration, HumanBytes, TermLike};

use super::bar::Bar;
use crate::gan::StepStats;
use crate::report::event::{Event, Step, texts};
use crate::report::moving_average::MovingAverage;

/// Steps that the losses of the bar are a mean over: of single ones, nobody could read the changes.
const MEAN_OVER: usize = 20;
/// Columns of a file's name.
const NAME: usize = 30;

/// Draws the bar of a download or of training, and writes all other events above it.
pub struct Bars<T: TermLike + Clone + 'static> {
    term: T,
    download: Option<Download<T>>,
    training: Option<Training<T>>,
}

impl<T: TermLike + Clone + 'static> Bars<T> {
    /// Nothing on `term` yet.
    pub fn new(term: T) -> Self {
        Self { term, download: None, training: None }
    }

    /// Shows an event.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::Step(step) => {
                self.download = None;
                let new = || Training::new(self.term.clone(), step);
                self.training.get_or_insert_with(new).show(step);
            }
            // The bar has newer numbers.
            Event::Progress { .. } => {}
            Event::Download(DownloadEvent::Progress { file, received, total }) => {
                self.download = self.download.take().filter(|download| download.file == *file);
                let new = || Download::new(self.term.clone(), file, *received);
                self.download.get_or_insert_with(new).show(*received, *total);
            }
            Event::Download(DownloadEvent::Done { .. }) => {
                self.download = None;
                self.say(event);
            }
            Event::Started { .. }
            | Event::Resumed { .. }
            | Event::Skipped { .. }
            | Event::Measured { .. }
            | Event::Saved(_)
            | Event::Warning(_)
            | Event::Note(_) => self.say(event),
        }
    }

    /// Writes a line above the bar.
    pub fn say(&mut self, line: &dyn Display) {
        let bars = [self.training.as_ref().map(|it| &it.bar), self.download.as_ref().map(|it| &it.bar)];
        let line = line.to_string();
        let line = escaped(&line);
        match bars.into_iter().flatten().next() {
            Some(bar) => bar.say(&line),
            None => drop(self.term.write_line(&line).and_then(|()| self.term.flush())),
        }
    }

    /// Leaves the bar of training with the time that it took.
    pub fn finish(self) {
        if let Some(training) = self.training {
            training.finish();
        }
    }
}

struct Training<T: TermLike + Clone + 'static> {
    bar: Bar<T>,
    means: [MovingAverage; 4],
    latest: Step,
}

impl<T: TermLike + Clone + 'static> Training<T> {
    fn new(term: T, first: &Step) -> Self {
        Self { bar: Bar::new(term, first.step), means: [MovingAverage::over(MEAN_OVER); 4], latest: *first }
    }

    fn show(&mut self, step: &Step) {
        let StepStats { loss_d, loss_g, d_x, d_g_z, .. } = step.stats;
        let mut values = [loss_d, loss_g, d_x, d_g_z];
        values.iter_mut().zip(&mut self.means).for_each(|(value, mean)| *value = mean.add(*value) as f32);
        let [loss_d, loss_g, d_x, d_g_z] = values;
        self.latest = Step { stats: StepStats { loss_d, loss_g, d_x, d_g_z, ..step.stats }, ..*step };
        self.bar.move_to(step.step, Some(step.steps));
        let left = self.bar.left().map(|left| format!("{} left", FormattedDuration(left)));
        self.draw(left);
    }

    fn draw(&mut self, time: Option<String>) {
        let Step { epoch, epochs, step, steps, images_seen, stats } = self.latest;
        let place = [format!("epoch {epoch}/{epochs}")].into_iter().chain(time);
        let place: Vec<_> = place.chain([format!("step {step}/{steps}")]).collect();
        let mut numbers = texts(&stats).to_vec();
        let images_a_step = images_seen as f64 / step.max(1) as f64;
        let rate = self.bar.rate() * images_a_step;
        if rate > 0.0 {
            numbers.push(format!("{rate:.1} images/s"));
        }
        self.bar.show(&place, &numbers);
    }

    fn finish(mut self) {
        let took = format!("took {}", FormattedDuration(self.bar.elapsed()));
        self.draw(Some(took));
    }
}

impl<T: TermLike + Clone + 'static> Drop for Training<T> {
    /// A run that failed leaves its bar too: it shows how far it came.
    fn drop(&mut self) {
        self.bar.leave();
    }
}

struct Download<T> {
    bar: Bar<T>,
    file: String,
}

impl<T: TermLike + Clone + 'static> Download<T> {
    fn new(term: T, file: &str, received: u64) -> Self {
        Self { bar: Bar::new(term, received), file: file.to_owned() }
    }

    fn show(&mut self, received: u64, total: Option<u64>) {
        self.bar.move_to(received, total);
        let mut parts = vec![truncate_str(&escaped(&self.file), NAME, "...").into_owned()];
        parts.push(match total {
            Some(total) => format!("{} of {}", HumanBytes(received), HumanBytes(total)),
            None => HumanBytes(received).to_string(),
        });
        parts.extend(self.bar.left().map(|left| format!("{} left", FormattedDuration(left))));
        let rate = self.bar.rate();
        if rate > 0.0 {
            parts.push(format!("{}/s", HumanBytes(rate as u64)));
        }
        self.bar.show(&parts, &[]);
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn step(step: u64) -> Event {
        let stats =
            StepStats { loss_d: 0.5124, loss_g: 1.2344, d_x: 0.7126, d_g_z: 0.2317, ..Default::default() };
        Event::Step(Step { epoch: 100, epochs: 100, step, steps: 39100, images_seen: 128 * step, stats })
    }

    fn downloading(received: u64) -> Event {
        let total = Some(170_500_096);
        Event::Download(DownloadEvent::Progress {
            file: "cifar-10-binary.tar.gz".to_owned(),
            received,
            total,
        })
    }

    /// What a terminal of so many columns shows after the events.
    fn screen(columns: u16, events: &[Event]) -> Vec<String> {
        let term = InMemoryTerm::new(12, columns);
        let mut bars = Bars::new(term.clone());
        events.iter().for_each(|event| bars.tell(event));
        term.contents().lines().map(str::to_owned).collect()
    }

    fn bar_of(line: &str) -> (&str, &str) {
        line.split_once("  [").unwrap_or((line, ""))
    }

    #[test]
    fn eighty_columns_show_all_numbers() {
        let lines = screen(80, &[step(1234)]);
        let (text, bar) = bar_of(&lines[0]);
        assert_eq!(text, "epoch 100/100  step 1234/39100");
        assert!(bar.starts_with(['=', '>']) && bar.ends_with(']') && lines[0].len() <= 80, "{lines:#?}");
        assert_eq!(lines[1], "loss D 0.512  loss G 1.234  D(x) 0.713  D(G(z)) 0.232");
        assert_eq!(lines.len(), 2, "{lines:#?}");
    }

    #[test]
    fn time_left_and_rate_are_there_from_the_second_step_on() {
        let term = InMemoryTerm::new(12, 80);
        let mut bars = Bars::new(term.clone());
        for i in 0..3 {
            bars.tell(&step(39000 + i));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let lines: Vec<_> = term.contents().lines().map(str::to_owned).collect();
        // A hundred steps of 20 ms and more: a few seconds, however slow this machine is.
        assert!(
            lines[0].starts_with("epoch 100/100  00:0") && lines[0].contains(" left  step 39002/39100"),
            "{lines:#?}"
        );
        assert!(lines[1].ends_with(" images/s"), "{lines:#?}");
    }

    #[test]
    fn narrow_terminals_show_what_matters_most_and_nothing_wraps() {
        for columns in 1..80 {
            let lines = screen(columns, &[step(1), step(2), Event::Saved("a".into()), step(3)]);
            assert!(lines.iter().all(|line| line.len() <= usize::from(columns)), "{columns}: {lines:#?}");
            let bars = lines.iter().filter(|line| line.contains("epoch")).count();
            assert!(bars <= 1, "{columns}: {lines:#?}");
        }
        assert_eq!(
            screen(40, &[step(3)]),
            ["epoch 100/100  step 3/39100", "loss D 0.512  loss G 1.234  D(x) 0.713"]
        );
        assert_eq!(screen(10, &[step(3)]), ["epoch 100/", "loss D 0.5"]);
    }

    #[test]
    fn lines_stand_above_the_bar_in_order() {
        let events = [step(1), Event::Saved("first.png".into()), step(2), Event::Saved("second.png".into())];
        let lines = screen(80, &events);
        assert_eq!(lines[..2], ["saved first.png", "saved second.png"]);
        assert!(lines[2].contains("step 2/39100") && lines.len() == 4, "{lines:#?}");
    }

    #[test]
    fn a_finished_run_says_how_long_it_took() {
        let term = InMemoryTerm::new(12, 80);
        let mut bars = Bars::new(term.clone());
        bars.tell(&step(39100));
        bars.finish();
        assert!(term.contents().starts_with("epoch 100/100  took 00:00:0"), "{}", term.contents());
    }

    #[test]
    fn a_download_is_a_bar_of_bytes_and_then_a_line() {
        let lines = screen(80, &[downloading(1 << 20), downloading(150 << 20)]);
        let (text, bar) = bar_of(&lines[0]);
        assert!(text.starts_with("cifar-10-binary.tar.gz  150.00 MiB of 162.60 MiB"), "{lines:#?}");
        assert!(bar.starts_with("===") && lines.len() == 1, "{lines:#?}");
        let done = Event::Download(DownloadEvent::Done { file: "cifar-10-binary.tar.gz".to_owned() });
        assert_eq!(screen(80, &[downloading(1), done]), ["downloaded cifar-10-binary.tar.gz"]);
        let unknown =
            Event::Download(DownloadEvent::Progress { file: "data".to_owned(), received: 2048, total: None });
        assert_eq!(screen(80, &[unknown]), ["data  2.00 KiB"]);
    }
}
