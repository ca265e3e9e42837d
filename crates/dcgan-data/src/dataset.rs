//! A collection of pictures.

use image::DynamicImage;

use crate::{DataError, Fingerprint};

/// A numbered collection of pictures of any size.
///
/// PyTorch equivalent: a map-style `torch.utils.data.Dataset` without labels.
pub trait Dataset: Send + Sync {
    /// How many pictures there are, broken ones included.
    fn len(&self) -> usize;

    /// Picture `index` of `0..len()`, decoded and at least 1x1; the same index gives the same picture.
    ///
    /// # Errors
    /// When this one picture cannot be read or decoded; the message names it. Others may still be good.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Dataset::len).
    fn picture(&self, index: usize) -> Result<DynamicImage, DataError>;

    /// Whether pictures may turn out to be unusable, so that only [`check`](crate::check()) tells how many can be used.
    fn may_be_broken(&self) -> bool {
        true
    }

    /// What the dataset consists of. Datasets without one are compared by their length alone.
    ///
    /// # Errors
    /// When files cannot be read.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        Ok(Fingerprint::default())
    }

    /// A warning about pictures in the dataset's folder that are not read; `None` if there are none.
    fn unread(&self) -> Option<String> {
        None
    }

    /// Whether there is no picture at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
