//! The order of an image's dimensions.

use std::fmt;

use ndarray::{ArrayView4, ArrayViewD, Ix4, ShapeError};

/// Where the channels of a batch of images stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[N, C, H, W]`, as in PyTorch.
    Nchw,
    /// `[N, H, W, C]`, as in TensorFlow and in picture files.
    Nhwc,
}

impl Layout {
    /// The layout in which a shape, without the batch, is one of images of one or three channels.
    ///
    /// # Errors
    /// If both are, or none is.
    pub(crate) fn of(shape: [usize; 3]) -> Result<Self, Undecided> {
        match [Self::Nchw, Self::Nhwc].map(|layout| is_channels(layout.image(shape)[0])) {
            [true, false] => Ok(Self::Nchw),
            [false, true] => Ok(Self::Nhwc),
            [true, true] => Err(Undecided::Both),
            [false, false] => Err(Undecided::Neither),
        }
    }

    /// Channels, height and width of an image of this shape.
    pub(crate) fn image(self, shape: [usize; 3]) -> [usize; 3] {
        let [a, b, c] = shape;
        match self {
            Self::Nchw => [a, b, c],
            Self::Nhwc => [c, a, b],
        }
    }

    /// The shape, without the batch, of an image of these channels, height and width.
    pub(crate) fn shape(self, image: [usize; 3]) -> [usize; 3] {
        let [channels, height, width] = image;
        match self {
            Self::Nchw => image,
            Self::Nhwc => [height, width, channels],
        }
    }

    /// Images of this layout as `[N, C, H, W]`.
    pub(crate) fn to_nchw(self, images: ArrayViewD<f32>) -> Result<ArrayView4<f32>, ShapeError> {
        let images = images.into_dimensionality::<Ix4>()?;
        Ok(match self {
            Self::Nchw => images,
            Self::Nhwc => images.permuted_axes([0, 3, 1, 2]),
        })
    }
}

/// Why a shape does not tell the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    Both,
    Neither,
}

/// Whether a picture can have so many channels.
pub(crate) fn is_channels(count: usize) -> bool {
    matches!(count, 1 | 3)
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nchw => "nchw",
            Self::Nhwc => "nhwc",
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, s};

    use super::*;

    #[test]
    fn channels_are_where_one_or_three_stand_and_nowhere_else() {
        assert_eq!(Layout::of([3, 64, 48]), Ok(Layout::Nchw));
        assert_eq!(Layout::of([64, 48, 1]), Ok(Layout::Nhwc));
        assert_eq!(Layout::of([1, 5, 3]), Err(Undecided::Both));
        assert_eq!(Layout::of([4, 3, 4]), Err(Undecided::Neither));
    }

    #[test]
    fn a_pixel_is_found_again_in_either_layout() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let image = [3, 4, 5];
            assert_eq!(layout.image(layout.shape(image)), image);
        }
        let images =
            Array4::from_shape_fn((2, 4, 5, 3), |(n, y, x, c)| (n * 1000 + y * 100 + x * 10 + c) as f32);
        let nchw = Layout::Nhwc.to_nchw(images.view().into_dyn()).unwrap();
        assert_eq!(nchw.dim(), (2, 3, 4, 5));
        assert_eq!((nchw[[1, 2, 3, 4]], nchw[[0, 1, 2, 0]]), (1342.0, 201.0));
        assert_eq!(
            Layout::Nchw.to_nchw(nchw.into_dyn()).unwrap().slice(s![1, 2, 3, 4]),
            images.slice(s![1, 3, 4, 2])
        );
    }
}
