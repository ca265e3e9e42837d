//! Convolutions as matrix products: an image's patches as columns, or columns added up to an image.

use super::array::{Array, Budget};
use super::attributes::Attributes;
use super::matmul::{self, Matrix, product};

/// How a kernel moves over an image.
struct Window {
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
    group: usize,
}

impl Window {
    fn new(attributes: &Attributes, kernel: [usize; 2]) -> Result<Self, String> {
        attributes.refuse_auto_pad()?;
        let window = Self {
            kernel: attributes.sizes("kernel_shape", 1, kernel)?,
            strides: attributes.sizes("strides", 1, [1; 2])?,
            dilations: attributes.sizes("dilations", 1, [1; 2])?,
            pads: attributes.sizes("pads", 0, [0; 4])?,
            group: usize::try_from(attributes.int("group", 1)?)
                .ok()
                .filter(|group| *group > 0)
                .ok_or("group is below 1")?,
        };
        match window.kernel == kernel && !kernel.contains(&0) {
            true => Ok(window),
            false => Err(format!("kernel_shape is {:?}, the weight's is {kernel:?}", window.kernel)),
        }
    }

    /// The length that the kernel covers.
    fn span(&self, axis: usize) -> Result<usize, String> {
        let span = (self.kernel[axis] - 1).checked_mul(self.dilations[axis]);
        span.map(|span| span + 1).ok_or_else(|| "its kernel has no size".to_owned())
    }

    /// How many places the kernel has along an axis.
    fn places(&self, axis: usize, size: usize) -> Result<usize, String> {
        let padded = size + self.pads[axis] + self.pads[axis + 2];
        let room =
            padded.checked_sub(self.span(axis)?).ok_or("its kernel is larger than the padded image")?;
        Ok(room / self.strides[axis] + 1)
    }

    /// The size that kernels at `places` places cover together, without the padding.
    fn extent(&self, axis: usize, places: usize, output_padding: usize) -> Result<usize, String> {
        let steps = places.checked_sub(1).ok_or("its input has no pixels")?;
        let covered = steps * self.strides[axis] + self.span(axis)? + output_padding;
        let size = covered.checked_sub(self.pads[axis] + self.pads[axis + 2]).filter(|size| *size > 0);
        size.ok_or_else(|| "its pads leave no pixel of the output".to_owned())
    }

    /// Calls `visit` with the place of each pixel under each part of the kernel: the index in the columns
    /// `[kernel, places]`, and in a plane of `[height, width]`. Padding is left out.
    fn each(&self, places: [usize; 2], [height, width]: [usize; 2], mut visit: impl FnMut(usize, usize)) {
        for (k, l) in (0..self.kernel[0]).flat_map(|k| (0..self.kernel[1]).map(move |l| (k, l))) {
            let columns = (k * self.kernel[1] + l) * places[0] * places[1];
            for i in 0..places[0] {
                let Some(row) = self.pixel(0, i, k, height) else { continue };
                for j in 0..places[1] {
                    if let Some(column) = self.pixel(1, j, l, width) {
                        visit(columns + i * places[1] + j, row * width + column);
                    }
                }
            }
        }
    }

    fn pixel(&self, axis: usize, place: usize, part: usize, size: usize) -> Option<usize> {
        let padded = place * self.strides[axis] + part * self.dilations[axis];
        padded.checked_sub(self.pads[axis]).filter(|pixel| *pixel < size)
    }
}

/// `[N, C, H, W]` and `[O, C / group, kH, kW]` to `[N, O, H', W']`.
pub(super) fn conv(
    x: &Array,
    weight: &Array,
    bias: Option<&Array>,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    let [batch, channels, height, width] = x.as_float()?.rank("the input")?;
    let [outputs, per_group, kernel_height, kernel_width] = weight.as_float()?.rank("the weight")?;
    let window = Window::new(attributes, [kernel_height, kernel_width])?;
    let group = window.group;
    if per_group.checked_mul(group) != Some(channels) || outputs % group != 0 || channels == 0 {
        return Err(mismatch(x, weight, group));
    }
    let places = [window.places(0, height)?, window.places(1, width)?];
    let shape = vec![batch, outputs, places[0], places[1]];
    let (pixels, area) = (height * width, places[0] * places[1]);
    let depth = budget.elements(&[per_group, kernel_height, kernel_width])?;
    let mut values = vec![0.0; budget.elements(&shape)?];
    let mut columns = vec![0.0; budget.elements(&[depth, area])?];
    let rows = outputs / group;
    matmul::charge([rows, depth, area], budget)?;
    budget.products(&[batch, group, rows + 1, columns.len()])?;
    for (index, result) in values.chunks_exact_mut((rows * area).max(1)).enumerate() {
        let (image, part) = (index / group, index % group);
        for c in 0..per_group {
            let plane = &x.values[(image * channels + part * per_group + c) * pixels..][..pixels];
            let columns = &mut columns[c * kernel_height * kernel_width * area..];
            window.each(places, [height, width], |column, pixel| columns[column] = plane[pixel]);
        }
        let left = Matrix { values: &weight.values[part * rows * depth..], down: depth, across: 1 };
        let right = Matrix { values: &columns, down: area, across: 1 };
        product(left, right, [rows, depth, area], result);
    }
    add_bias(&mut values, bias, outputs, area)?;
    Ok(x.like(shape, values))
}

/// `[N, C, H, W]` and `[C, O / group, kH, kW]` to `[N, O, H', W']`.
pub(super) fn conv_transpose(
    x: &Array,
    weight: &Array,
    bias: Option<&Array>,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    let [batch, channels, height, width] = x.as_float()?.rank("the input")?;
    let [inputs, per_group, kernel_height, kernel_width] = weight.as_float()?.rank("the weight")?;
    attributes.refuse(&["output_shape"])?;
    let window = Window::new(attributes, [kernel_height, kernel_width])?;
    let group = window.group;
    if inputs != channels || channels % group != 0 || channels == 0 {
        return Err(mismatch(x, weight, group));
    }
    let extra: [usize; 2] = attributes.sizes("output_padding", 0, [0; 2])?;
    let size = [window.extent(0, height, extra[0])?, window.extent(1, width, extra[1])?];
    let outputs = budget.elements(&[per_group, group])?;
    let shape = vec![batch, outputs, size[0], size[1]];
    let rows = budget.elements(&[per_group, kernel_height, kernel_width])?;
    let mut values = vec![0.0; budget.elements(&shape)?];
    let (places, area, pixels) = ([height, width], height * width, size[0] * size[1]);
    let mut columns = vec![0.0; budget.elements(&[rows, area])?];
    let depth = channels / group;
    matmul::charge([rows, depth, area], budget)?;
    budget.products(&[batch, group, columns.len(), depth + 1])?;
    for (index, result) in values.chunks_exact_mut((per_group * pixels).max(1)).enumerate() {
        let (image, part) = (index / group, index % group);
        let left = Matrix { values: &weight.values[part * depth * rows..], down: 1, across: rows };
        let first = (image * channels + part * depth) * area;
        let right = Matrix { values: &x.values[first..], down: area, across: 1 };
        product(left, right, [rows, depth, area], &mut columns);
        let kernels = columns.chunks_exact((kernel_height * kernel_width * area).max(1));
        for (plane, columns) in result.chunks_exact_mut(pixels).zip(kernels) {
            window.each(places, size, |column, pixel| plane[pixel] += columns[column]);
        }
    }
    add_bias(&mut values, bias, outputs, pixels)?;
    Ok(x.like(shape, values))
}

fn mismatch(x: &Array, weight: &Array, group: usize) -> String {
    format!(
        "an input of {:?} and a weight of {:?} do not go together in {group} groups",
        x.shape, weight.shape
    )
}

fn add_bias(values: &mut [f32], bias: Option<&Array>, channels: usize, area: usize) -> Result<(), String> {
    let Some(bias) = bias else { return Ok(()) };
    let [found] = bias.as_float()?.rank("the bias")?;
    if found != channels {
        return Err(format!("its bias is [{found}], expected [{channels}]"));
    }
    let planes = values.chunks_exact_mut(area.max(1)).zip(bias.values.iter().cycle());
    planes.for_each(|(plane, bias)| plane.iter_mut().for_each(|value| *value += bias));
    Ok(())
}
