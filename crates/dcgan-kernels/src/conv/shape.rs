//! Sizes of a convolution, and the method that is fastest for them.

/// Channels on both sides, and weights `O C`, from which a Winograd scheme is faster.
const WINOGRAD_CHANNELS: usize = 3;
const WINOGRAD_WEIGHT: usize = 3 * 64;
/// Columns of a plane from which F(4,2) is faster than F(2,2) whatever the weight: with fewer, products wait
/// for its planes of the weight, 25/4 as large as the weight.
const COLUMNS: usize = 32;
/// Weights `O C` up to which it always is.
const SMALL_WEIGHT: usize = 64 * 1024;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As defined, by gathered pixels and matrix products.
    Direct,
    /// Winograd's F(2,2) in both dimensions, with 9 multiplications for 16; the large side a multiple of 4.
    F22,
    /// Winograd's F(4,2) in both dimensions, with 25 multiplications for 64; the large side a multiple of 8.
    F42,
}

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels `C` of the large map.
    pub channels: usize,
    /// Channels `O` of the small map.
    pub outputs: usize,
    /// Side `S` of the large map, even.
    pub side: usize,
    /// Images `N` of the batch.
    pub batch: usize,
}

impl ConvShape {
    /// Floats of the large map, `[C, S, S, N]`.
    pub fn large(&self) -> usize {
        self.channels * self.large_row()
    }

    /// Floats of the small map, `[O, S/2, S/2, N]`.
    pub fn small(&self) -> usize {
        self.outputs * self.small_row()
    }

    /// Floats of the weight, `[O, C, 4, 4]`.
    pub fn weight(&self) -> usize {
        self.outputs * self.channels * 16
    }

    /// The method that measured fastest for such a layer.
    pub fn method(&self) -> Method {
        let weight = self.channels * self.outputs;
        let wide = self.channels.min(self.outputs) >= WINOGRAD_CHANNELS && weight >= WINOGRAD_WEIGHT;
        let columns = (self.side / 8).pow(2) * self.batch;
        let f42 = columns >= COLUMNS || weight <= SMALL_WEIGHT;
        [(Method::F42, wide && f42), (Method::F22, wide)]
            .into_iter()
            .find(|(method, fast)| *fast && self.allows(*method))
            .map_or(Method::Direct, |(method, _)| method)
    }

    /// Whether the side is a multiple of what the method works on at once.
    pub fn allows(&self, method: Method) -> bool {
        self.side.is_multiple_of(match method {
            Method::Direct => 2,
            Method::F22 => 4,
            Method::F42 => 8,
        })
    }

    pub(super) fn large_row(&self) -> usize {
        self.side * self.side * self.batch
    }

    pub(super) fn small_side(&self) -> usize {
        self.side / 2
    }

    pub(super) fn small_row(&self) -> usize {
        self.small_side() * self.small_side() * self.batch
    }

    pub(super) fn check(&self, method: Method, large: usize, small: usize, weight: usize) {
        assert!(self.batch > 0, "a batch has at least one image");
        assert!(self.side.is_multiple_of(2), "a stride of 2 needs an even side, not {}", self.side);
        assert!(self.allows(method), "{method:?} cannot compute {self:?}");
        assert_eq!(large, self.large(), "the large map of {self:?}");
        assert_eq!(small, self.small(), "the small map of {self:?}");
        assert_eq!(weight, self.weight(), "the weight of {self:?}");
    }
}

/// `0..len` in pieces of `step`, as starts and lengths; the last piece may be shorter.
pub(super) fn ranges(len: usize, step: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(step).map(move |start| (start, step.min(len - start)))
}
