//! What has no distance.

/// Images or features cannot be measured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// An estimate from so few would mean nothing.
    #[error("{found} {what}, at least {needed} are needed")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there have to be.
        needed: usize,
    },
    /// The rows have different lengths: they come from different extractors or sizes of images.
    #[error("{a} features an image and {b}: only features of one kind can be compared")]
    Dimensions {
        /// Features of the one set.
        a: usize,
        /// Those of the other.
        b: usize,
    },
    /// A feature is NaN or infinite.
    #[error(
        "feature {feature} of image {image} is not a number: the generator diverged or the data is damaged"
    )]
    NotFinite {
        /// The image's place, from 0.
        image: usize,
        /// The feature's.
        feature: usize,
    },
    /// The extractor has nothing to say of such images.
    #[error(
        "images of {channels} channels, {height}x{width}: expected 1 or 3 channels, 8x8 or more, all of one size"
    )]
    Images {
        /// The channels found.
        channels: usize,
        /// The height found.
        height: usize,
        /// The width found.
        width: usize,
    },
    /// The covariance has no eigenvalues in finite time: a number in it is too large.
    #[error("the features are too large to compare: their covariance overflows")]
    Overflow,
}
