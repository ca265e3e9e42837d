//! Features of images by a trained network: any tensor of any ONNX model of images.

use std::path::Path;

use dcgan_core::{checksum, input};
use dcgan_data::Scaler;
use ndarray::{Array2, ArrayViewD, Axis, Ix2, Ix4, s};
use ort::session::Session;

use super::error::FeatureError;
use super::graph::{Tensors, another_output};
use super::input::FeatureInput;
use super::report::FeatureReport;
use crate::engine::Engine;
use crate::generator::interface::{describe, tensor};
use crate::generator::session::start_session;
use crate::generator::tensor::{Element, to_f32};
use crate::generator::{Device, GeneratorError, ValueRange};
use crate::model_file::ModelFile;

/// Names of tensors that a message tells.
const NAMES: usize = 8;
/// Digits of a checksum that tell files apart.
const DIGITS: usize = 12;

/// How images become the input of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureConfig {
    /// Side of the images for an input of any size; that of the generator's images by default.
    pub size: Option<usize>,
    /// Values that stand for black and white: 0 and 1 by default, and always 0 and 255 for bytes.
    pub range: Option<ValueRange>,
    /// What is subtracted from each channel after that: a number for each, one for all, or none.
    pub mean: Vec<f32>,
    /// What each channel is divided by then.
    pub std: Vec<f32>,
}

/// The file of such a model, and the tensor in it that holds the features.
#[derive(Clone, Debug)]
pub struct FeatureFile {
    file: ModelFile,
    sha256: String,
    output: String,
}

impl FeatureFile {
    /// Reads a file, and looks for the tensor: an output, the only one by default, or any that a node gives.
    ///
    /// # Errors
    /// [`FeatureError`] if it is no ONNX model, or has no such tensor; the message has names that are like it.
    pub fn read(path: &Path, output: Option<&str>) -> Result<Self, FeatureError> {
        let bytes =
            input::read(path).map_err(|reason| FeatureError::Read { path: path.to_owned(), reason })?;
        let file = ModelFile::parse(path, bytes)?;
        let tensors = Tensors::of(file.bytes())
            .map_err(|error| GeneratorError::NoModel { path: path.to_owned(), reason: error.to_string() })?;
        let (output, sha256) = (choose(path, &tensors, output)?, checksum::checksum(file.bytes()));
        let is_inside = !tensors.outputs.contains(&output);
        let file = if is_inside { file.extended(&another_output(&output)) } else { file };
        Ok(Self { file, sha256, output })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

fn choose(path: &Path, tensors: &Tensors, asked: Option<&str>) -> Result<String, FeatureError> {
    let path = path.to_owned();
    match (asked, &tensors.outputs[..]) {
        (Some(name), _) if tensors.outputs.iter().chain(&tensors.inner).any(|known| known == name) => {
            Ok(name.to_owned())
        }
        (Some(name), _) => {
            let nearest = tensors.nearest(name, NAMES);
            let others = tensors.outputs.len() + tensors.inner.len() - nearest.len();
            let others = if others > 0 { format!(" and {others} others") } else { String::new() };
            let known = format!("{}{others}", nearest.join(", "));
            Err(FeatureError::Output { path, name: name.to_owned(), known })
        }
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(FeatureError::Interface { path, expected: "an output", found: "none".to_owned() }),
        (None, several) => {
            let several = several.join(", ");
            let reason = format!(
                "has several outputs: name the one that holds the features with --feature-output, one of {several}"
            );
            Err(FeatureError::Setting { path, reason })
        }
    }
}

/// A model of features, ready to run.
#[derive(Debug)]
pub struct FeatureModel {
    file: FeatureFile,
    engine: String,
    session: Session,
    device: Device,
    input: FeatureInput,
    element: Element,
    dimension: usize,
}

impl FeatureModel {
    /// Opens a model for images of these channels, height and width. It runs once, to see.
    ///
    /// # Errors
    /// [`FeatureError`] if the engine cannot run the file, if it takes no images or gives no features, or if a setting
    /// does not fit it.
    pub fn open(
        engine: &Engine,
        file: FeatureFile,
        config: &FeatureConfig,
        image: [usize; 3],
    ) -> Result<Self, FeatureError> {
        let (session, device) = start_session(engine, &file.file, engine.threads)?;
        let input = FeatureInput::of(&session, file.path(), config, image[1].max(image[2]))?;
        let outlet = session.outputs().iter().find(|outlet| outlet.name() == file.output);
        let element =
            outlet.and_then(tensor).map(|(element, _)| element).filter(|element| *element != Element::U8);
        let element = element.ok_or_else(|| FeatureError::Interface {
            path: file.path().to_owned(),
            expected: "features of f32 or f16",
            found: describe(outlet.map(std::slice::from_ref).unwrap_or_default()),
        })?;
        let file = FeatureFile { file: file.file.without_bytes(), ..file };
        let engine = engine.name().to_owned();
        let mut model = Self { file, engine, session, device, input, element, dimension: 0 };
        let black = vec![0; image.iter().product()];
        model.dimension = model.extract(&mut model.scaler(image)?, &[black])?.ncols();
        Ok(model)
    }

    /// What brings images of this form to the model's.
    pub(super) fn scaler(&self, image: [usize; 3]) -> Result<Scaler, FeatureError> {
        Scaler::new(image, self.input.image)
            .map_err(|source| FeatureError::Size { path: self.file.path().to_owned(), source: source.into() })
    }

    /// What it is computed on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        self.file.path().display().to_string()
    }

    /// The features of images, bytes `[C, H, W]` each: `[N, D]`. Maps `[N, C, H, W]` are averaged over height and width.
    ///
    /// # Errors
    /// [`FeatureError::Run`] if the engine fails, [`FeatureError::Interface`] for a result of another form.
    pub(super) fn extract(
        &mut self,
        scaler: &mut Scaler,
        images: &[Vec<u8>],
    ) -> Result<Array2<f32>, FeatureError> {
        let mut features = Vec::new();
        for images in images.chunks(self.input.rows(images.len()).max(1)) {
            let scaled: Vec<_> = images.iter().map(|image| scaler.scale(image)).collect();
            let rows = self.run(&scaled)?;
            features.extend(rows.slice(s![..images.len(), ..]));
        }
        let columns = features.len() / images.len().max(1);
        Ok(Array2::from_shape_vec((images.len(), columns), features).expect("rows of one length"))
    }

    /// Runs one batch, at most as long as the model takes: a row for each image, and for what fills a fixed batch up.
    fn run(&mut self, images: &[Vec<f32>]) -> Result<Array2<f32>, FeatureError> {
        let (path, name, element) = (self.file.path(), &self.file.output, self.element);
        let failed =
            |source| FeatureError::Run { path: path.to_owned(), engine: self.engine.clone(), source };
        let input = self.input.tensor(images).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![input]).map_err(failed)?;
        let missing = || failed(ort::Error::new(format!("it returned no {name}")));
        let value = to_f32(outputs.get(name).ok_or_else(missing)?, element).map_err(failed)?;
        let rows = self.input.rows(images.len());
        rows_of(value.view(), rows).filter(|rows| self.dimension == 0 || rows.ncols() == self.dimension).ok_or_else(|| {
            FeatureError::Interface {
                path: path.to_owned(),
                expected: "features [N, D] or maps [N, C, H, W], a row for each image and always of one length",
                found: format!("{name} of shape {:?} for {rows} images", value.shape()),
            }
        })
    }

    /// Which features these are.
    pub(super) fn report(&self) -> FeatureReport {
        let FeatureInput { layout, image, range, mean, std, .. } = &self.input;
        FeatureReport {
            name: self.name(),
            sha256: Some(self.file.sha256[..DIGITS].to_owned()),
            output: Some(self.file.output.clone()),
            dimension: self.dimension,
            input: *image,
            layout: layout.to_string(),
            range: range.to_string(),
            mean: mean.clone(),
            std: std.clone(),
        }
    }
}

/// A tensor as rows of features, `[N, D]` as it is, `[N, C, H, W]` averaged over the map: `None` for another form.
fn rows_of(value: ArrayViewD<f32>, rows: usize) -> Option<Array2<f32>> {
    if value.is_empty() || value.shape().first() != Some(&rows) {
        return None;
    }
    match value.ndim() {
        2 => Some(value.into_dimensionality::<Ix2>().ok()?.to_owned()),
        4 => {
            // In f64: maps may be large.
            let maps = value.into_dimensionality::<Ix4>().ok()?.mapv(f64::from);
            let means = maps.mean_axis(Axis(3))?.mean_axis(Axis(2))?; // [N, C]
            Some(means.mapv(|mean| mean as f32))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, arr2};

    use super::*;

    #[test]
    fn maps_are_averaged_and_rows_are_as_they_are() {
        let maps = Array::from_shape_fn((2, 3, 2, 2), |(n, c, y, x)| (100 * n + 10 * c + 2 * y + x) as f32);
        assert_eq!(
            rows_of(maps.view().into_dyn(), 2),
            Some(arr2(&[[1.5, 11.5, 21.5], [101.5, 111.5, 121.5]]))
        );
        let rows = arr2(&[[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(rows_of(rows.view().into_dyn(), 2), Some(rows.clone()));
        assert_eq!(rows_of(rows.view().into_dyn(), 1), None);
        assert_eq!(rows_of(maps.index_axis(Axis(3), 0).into_dyn(), 2), None);
        assert_eq!(rows_of(Array::zeros((2, 0)).view().into_dyn(), 2), None);
    }
}
