//! DiffAugment by our kernels, as [`kernels::augment`](dcgan_kernels::augment) has it on the CPU.

use dcgan_kernels::augment::{Augmentation, ImagesShape, Transform, color_factors};
use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult};
use super::launch::{check, float, for_each, int, launch};
use crate::backend::buffer;

/// The changes of a batch in device memory.
pub struct Changes<M: Gpu> {
    shape: ImagesShape,
    /// `[4, N]`: factors of a value, of its pixel's mean and of its image's, and the brightness.
    colors: Floats<M>,
    /// `[6, N]`: the shift of rows and columns, and the rows and columns of the square.
    places: Floats<M>,
}

impl<M: Gpu> Changes<M> {
    /// Brings the changes of images of a shape to a device.
    ///
    /// # Errors
    /// If the device fails; so do the others.
    ///
    /// # Panics
    /// If there are not as many changes as images.
    pub fn new(device: &M::Device, shape: ImagesShape, changes: &Augmentation) -> GpuResult<Self, M> {
        assert_eq!(changes.0.len(), shape.batch, "changes of {shape:?}");
        let bring = |rows: &[&dyn Fn(&Transform) -> f32]| {
            let values = rows.iter().flat_map(|row| changes.0.iter().map(row)).collect();
            buffer::floats(&device.try_tensor_from_vec(values, (rows.len(), shape.batch))?)
        };
        let colors = bring(&[
            &|change| color_factors(change)[0],
            &|change| color_factors(change)[1],
            &|change| color_factors(change)[2],
            &|change| change.brightness,
        ])?;
        let places = bring(&[
            &|change| change.shift[0] as f32,
            &|change| change.shift[1] as f32,
            &|change| change.cut[0].start as f32,
            &|change| change.cut[0].end as f32,
            &|change| change.cut[1].start as f32,
            &|change| change.cut[1].end as f32,
        ])?;
        Ok(Self { shape, colors, places })
    }

    /// The changed images.
    ///
    /// # Errors
    /// As [`Changes::new`].
    ///
    /// # Panics
    /// If the images have not the size of the shape; so does the other.
    pub fn forward(&self, device: &M::Device, images: &Floats<M>) -> GpuResult<Floats<M>, M> {
        let colored = self.color(device, images, 1.0)?;
        self.place(device, &colored, false)
    }

    /// The gradient of the images, where `gradient` is that of the changed ones.
    ///
    /// # Errors
    /// As [`Changes::new`].
    pub fn backward(&self, device: &M::Device, gradient: &Floats<M>) -> GpuResult<Floats<M>, M> {
        let placed = self.place(device, gradient, true)?;
        self.color(device, &placed, 0.0)
    }

    /// Colours, with so many times the brightness.
    fn color(&self, device: &M::Device, images: &Floats<M>, brightness: f32) -> GpuResult<Floats<M>, M> {
        let ImagesShape { channels, side, batch } = self.shape;
        let (area, count) = (side * side, self.shape.channels * side * side * batch);
        check::<M>(device, &[(images, count)]);
        let mut means = Storage::<f32>::try_alloc_len(device, batch)?;
        let arguments = [M::address(images), M::address_mut(&mut means), int(batch), int(channels * area)];
        // SAFETY: the arguments of `image_means`; there are `channels * area` floats and a mean for each block (checked).
        unsafe { M::launch(device, &launch("image_means", batch, &arguments)) }?;
        let mut out = Storage::<f32>::try_alloc_len(device, count)?;
        let [images, means, colors] = [images, &means, &self.colors].map(M::address);
        let sizes = [channels, area, batch, count].map(int);
        let [channels, area, batch, count_argument] = sizes;
        let arguments = [
            images,
            means,
            colors,
            M::address_mut(&mut out),
            channels,
            area,
            batch,
            count_argument,
            float(brightness),
        ];
        // SAFETY: the arguments of `color`; the images have `count` floats (checked), means and colours one and four a
        // image (as they were made).
        unsafe { M::launch(device, &for_each(count, "color", &arguments)) }?;
        Ok(out)
    }

    /// Moves the pixels and cuts squares out, or the adjoint of that.
    fn place(&self, device: &M::Device, images: &Floats<M>, back: bool) -> GpuResult<Floats<M>, M> {
        let ImagesShape { channels, side, batch } = self.shape;
        let count = channels * side * side * batch;
        check::<M>(device, &[(images, count)]);
        let mut out = Storage::<f32>::try_alloc_len(device, count)?;
        let [images, places] = [images, &self.places].map(M::address);
        let [side, batch, all, back] = [side, batch, count, usize::from(back)].map(int);
        let arguments = [images, places, M::address_mut(&mut out), side, batch, all, back];
        // SAFETY: the arguments of `place`; the images have `count` floats (checked), the numbers six an image (as they
        // were made).
        unsafe { M::launch(device, &for_each(count, "place", &arguments)) }?;
        Ok(out)
    }
}
