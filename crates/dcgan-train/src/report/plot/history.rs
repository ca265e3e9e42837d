//! The losses of a run.

/// Both losses of each step, in 8 bytes a step.
///
/// ```
/// use dcgan_train::report::plot::LossHistory;
/// let mut history = LossHistory::default();
/// history.push(1, 1, 0.7, 1.1);
/// history.push(2, 1, 0.6, 1.3);
/// assert_eq!(history.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossHistory {
    losses: Vec<[f32; 2]>,
    spans: Vec<Span>,
}

/// Steps of one epoch whose numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    epoch: u64,
    /// The first of them.
    step: u64,
    /// Where its losses stand.
    start: usize,
}

impl LossHistory {
    /// Adds a step. A run that goes on from a checkpoint repeats the steps after it: those from `step` on that are
    /// already there are replaced.
    pub fn push(&mut self, step: u64, epoch: u64, loss_d: f32, loss_g: f32) {
        self.forget_from(step);
        let start = self.losses.len();
        let follows = |span: &Span| {
            span.epoch == epoch && span.step.saturating_add((start - span.start) as u64) == step
        };
        if !self.spans.last().is_some_and(follows) {
            self.spans.push(Span { epoch, step, start });
        }
        self.losses.push([loss_d, loss_g]);
    }

    /// Each span of steps as its epoch, its first step and the place of that step's losses: with
    /// [`LossHistory::losses`], all there is.
    pub fn spans(&self) -> Vec<[u64; 3]> {
        self.spans.iter().map(|span| [span.epoch, span.step, span.start as u64]).collect()
    }

    /// A history from its parts; `None` if they don't fit together.
    pub fn from_parts(losses: Vec<[f32; 2]>, spans: &[[u64; 3]]) -> Option<Self> {
        let span = |[epoch, step, start]: &[u64; 3]| {
            usize::try_from(*start).ok().map(|start| Span { epoch: *epoch, step: *step, start })
        };
        let spans: Vec<Span> = spans.iter().map(span).collect::<Option<_>>()?;
        let starts = spans.iter().map(|span| span.start).chain([losses.len()]);
        let fits = starts.clone().next() == Some(0) && starts.clone().zip(starts.skip(1)).all(|(a, b)| a < b);
        fits.then_some(Self { losses, spans })
    }

    fn forget_from(&mut self, step: u64) {
        while let Some(span) = self.spans.last() {
            let kept = usize::try_from(step.saturating_sub(span.step)).unwrap_or(usize::MAX);
            self.losses.truncate(span.start.saturating_add(kept));
            if kept > 0 {
                break;
            }
            self.spans.pop();
        }
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.losses.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// The losses in order, the discriminator's first, without their steps' numbers.
    pub fn losses(&self) -> &[[f32; 2]] {
        &self.losses
    }

    /// Each step's number and losses, in order.
    pub fn steps(&self) -> impl Iterator<Item = (u64, [f32; 2])> {
        self.parts().flat_map(|(span, losses)| (0..).zip(losses).map(|(i, pair)| (span.step + i, *pair)))
    }

    /// Each epoch and the means of its losses over the steps that are there and finite; NaN where none is.
    pub fn epochs(&self) -> Vec<(u64, [f32; 2])> {
        let mut means: Vec<(u64, [Mean; 2])> = Vec::new();
        for (span, losses) in self.parts() {
            if means.last().is_none_or(|(epoch, _)| *epoch != span.epoch) {
                means.push((span.epoch, Default::default()));
            }
            let Some((_, both)) = means.last_mut() else { continue };
            for pair in losses {
                both.iter_mut().zip(pair).for_each(|(mean, loss)| mean.add(*loss));
            }
        }
        means.into_iter().map(|(epoch, both)| (epoch, both.map(Mean::value))).collect()
    }

    fn parts(&self) -> impl Iterator<Item = (&Span, &[[f32; 2]])> {
        let ends = self.spans.iter().skip(1).map(|next| next.start).chain([self.losses.len()]);
        self.spans.iter().zip(ends).map(|(span, end)| (span, &self.losses[span.start..end]))
    }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f32) {
        if value.is_finite() {
            self.sum += f64::from(value);
            self.count += 1.0;
        }
    }

    fn value(self) -> f32 {
        (self.sum / self.count) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(steps: impl IntoIterator<Item = (u64, u64, f32)>) -> LossHistory {
        let mut history = LossHistory::default();
        for (step, epoch, loss) in steps {
            history.push(step, epoch, loss, 10.0 * loss);
        }
        history
    }

    #[test]
    fn steps_and_epochs_come_back_as_they_went_in() {
        let history = history([
            (1, 1, 1.0),
            (2, 1, 3.0),
            (3, 2, 5.0),
            (4, 2, f32::NAN),
            (9, 2, 6.0),
            (10, 4, f32::NAN),
        ]);
        let steps: Vec<u64> = history.steps().map(|(step, _)| step).collect();
        assert_eq!(steps, [1, 2, 3, 4, 9, 10], "steps are missing between 4 and 9");
        assert_eq!(history.steps().nth(1), Some((2, [3.0, 30.0])));
        let epochs = history.epochs();
        assert_eq!(epochs[..2], [(1, [2.0, 20.0]), (2, [5.5, 55.0])]);
        assert!(epochs[2].0 == 4 && epochs[2].1[0].is_nan(), "{epochs:?}");
    }

    #[test]
    fn steps_that_are_made_again_replace_the_old_ones() {
        let mut found = history([(1, 1, 1.0), (2, 1, 2.0), (3, 2, 3.0), (4, 2, 4.0), (5, 3, 5.0)]);
        found.push(2, 1, 7.0, 70.0);
        assert_eq!(found, history([(1, 1, 1.0), (2, 1, 7.0)]));
        found.push(1, 1, 8.0, 80.0);
        assert_eq!(found, history([(1, 1, 8.0)]));
    }

    #[test]
    fn a_history_is_made_of_its_parts() {
        let whole = history([(1, 1, 1.0), (2, 1, 2.0), (7, 3, 3.0)]);
        for history in [whole.clone(), LossHistory::default()] {
            let parts = (history.losses().to_vec(), history.spans());
            assert_eq!(LossHistory::from_parts(parts.0, &parts.1), Some(history));
        }
        for spans in [vec![], vec![[1, 1, 1]], vec![[1, 1, 0], [3, 7, 3]], vec![[1, 1, 0], [2, 2, 0]]] {
            assert_eq!(LossHistory::from_parts(whole.losses().to_vec(), &spans), None, "{spans:?}");
        }
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_no_trouble() {
        let mut history = history([(u64::MAX, u64::MAX, 1.0)]);
        history.push(u64::MAX, u64::MAX, 2.0, 2.0);
        history.push(0, 0, 3.0, 3.0);
        assert_eq!(history.len(), 1);
    }
}
