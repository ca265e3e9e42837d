//! What PyTorch computed, from the files of the scripts beside the tests.

// Each test program compiles its own copy, and uses some of it.
#![allow(dead_code)]

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dcgan_train::architecture;
use dcgan_train::backend::operations::{Array, Backend};
use dcgan_train::networks::arch::Architecture;
use dcgan_train::networks::batch::{images_from_bytes, latents_from_array};
use dcgan_train::networks::state_dict::StateDict;
use ndarray::{Array2, ArrayD, Axis, Ix3};
use safetensors::{Dtype, SafeTensors};

architecture!(
    /// The network of the scripts.
    pub Tiny: 4 => 8 6 4 => 3
);

/// A script's file.
pub struct Reference(BTreeMap<String, TensorData>, BTreeMap<String, Vec<u8>>);

impl Reference {
    /// The file of a script `{name}.py`.
    pub fn load(name: &str) -> Self {
        let path = format!("{}/tests/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (mut tensors, mut images) = (BTreeMap::new(), BTreeMap::new());
        for (name, view) in file.tensors() {
            match view.dtype() {
                Dtype::F32 => {
                    let values =
                        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                    tensors.insert(name, TensorData::from_values(view.shape(), values.collect()));
                }
                Dtype::I64 => {
                    let count = i64::from_le_bytes(view.data().try_into().unwrap());
                    tensors.insert(name, TensorData::Count(count));
                }
                _ => drop(images.insert(name, view.data().to_vec())),
            }
        }
        Self(tensors, images)
    }

    pub fn f32(&self, name: &str) -> &ArrayD<f32> {
        match &self.0[name] {
            TensorData::F32(values) => values,
            TensorData::Count(_) => panic!("{name} is a count"),
        }
    }

    /// The state dict whose names begin so.
    pub fn state(&self, prefix: &str) -> StateDict {
        let stripped = |(name, data): (&String, &TensorData)| {
            Some((name.strip_prefix(prefix)?.to_owned(), data.clone()))
        };
        self.0.iter().filter_map(stripped).collect()
    }

    /// Batch `index` of the latents `[..., N, latent]`.
    pub fn latents(&self, index: usize) -> Array2<f32> {
        let all = self.f32("latents");
        let shape = all.shape();
        let batches = shape[..shape.len() - 2].iter().product::<usize>();
        let all = all.to_shape((batches, shape[shape.len() - 2], shape[shape.len() - 1])).unwrap();
        all.into_dimensionality::<Ix3>().unwrap().index_axis(Axis(0), index).to_owned()
    }

    /// [`Reference::latents`] as a tensor.
    pub fn latent_tensor<B: Backend>(
        &self,
        device: &B::Device,
        index: usize,
    ) -> Array<<Tiny as Architecture>::Latents, B> {
        latents_from_array::<Tiny, B>(device, self.latents(index).view()).unwrap()
    }

    /// Batch `index` of `of` real ones.
    pub fn reals<B: Backend>(
        &self,
        device: &B::Device,
        index: usize,
        of: usize,
    ) -> Array<<Tiny as Architecture>::Images, B> {
        let all = &self.1["reals"];
        let size = all.len() / of;
        images_from_bytes::<Tiny, B>(device, &all[index * size..][..size]).unwrap()
    }
}

/// The largest difference of two state dicts, tensor by tensor, in terms of the second one's largest value.
pub fn compare(found: &StateDict, expected: &StateDict, tolerance: f32) {
    assert!(!expected.is_empty());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in expected {
        match (&found[name], expected) {
            (TensorData::F32(found), TensorData::F32(expected)) => {
                assert_eq!(found.shape(), expected.shape(), "{name}");
                let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let error = (found - expected).iter().fold(0.0f32, |most, value| most.max(value.abs()));
                assert!(error <= tolerance * largest, "{name}: off by {error}, largest {largest}");
            }
            (found, expected) => assert_eq!(found, expected, "{name}"),
        }
    }
}
