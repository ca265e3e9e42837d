//! How the planes of a Winograd scheme lie in memory.

use super::shape::ranges;
use crate::matmul::Layout;
use crate::simd::LANES;

/// How planes `[P * P, channels, columns]` lie in memory.
///
/// A plane is cut into panels of some columns, each panel `[channels, columns]` on its own: so a product's
/// inner loop reads a panel from the first float to the last.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    channels: usize,
    columns: usize,
    panel: usize,
    /// Floats from one plane to the next.
    stride: usize,
}

/// Columns of a panel: four vectors, which a product's inner loop takes at once.
const PANEL: usize = 4 * LANES;

impl Planes {
    /// Planes of one panel each.
    pub(super) fn whole(channels: usize, columns: usize) -> Self {
        // Some cache lines on top: strides of a power of two would put all planes into the same cache sets.
        let stride = (channels * columns).next_multiple_of(LANES) + 5 * LANES;
        Self { channels, columns, panel: columns, stride }
    }

    /// Planes of narrow panels, if the images of a tile are whole vectors: no vector may cross a border.
    pub(super) fn panels(channels: usize, columns: usize, batch: usize) -> Self {
        let whole = Self::whole(channels, columns);
        Self { panel: if batch.is_multiple_of(LANES) { PANEL.min(columns) } else { columns }, ..whole }
    }

    /// Floats of all planes.
    pub(super) fn len(&self, positions: usize) -> usize {
        self.stride * positions
    }

    /// First column and columns of each panel.
    pub(super) fn each_panel(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        ranges(self.columns, self.panel)
    }

    /// Floats from one channel to the next in the panel of a column.
    #[inline(always)]
    pub(super) fn row(&self, column: usize) -> usize {
        self.panel.min(self.columns - column / self.panel * self.panel)
    }

    /// Where a position's value of a channel and a column is.
    #[inline(always)]
    pub(super) fn at(&self, position: usize, channel: usize, column: usize) -> usize {
        let (first, within) = (column / self.panel * self.panel, column % self.panel);
        position * self.stride + first * self.channels + channel * self.row(column) + within
    }

    /// The rows of one position's panel, from a channel on, as a matrix.
    pub(super) fn matrix(&self, position: usize, channel: usize, column: usize) -> Layout {
        Layout::rows(self.at(position, channel, column), self.row(column))
    }
}
