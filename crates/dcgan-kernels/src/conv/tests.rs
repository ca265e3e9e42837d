//! Every method against the definition.

use dcgan_core::rng::Rng;

use super::*;

const fn shape(channels: usize, outputs: usize, side: usize, batch: usize) -> ConvShape {
    ConvShape { channels, outputs, side, batch }
}

const SHAPES: [ConvShape; 10] = [
    shape(3, 5, 8, 1),
    shape(2, 4, 2, 3),
    shape(5, 3, 6, 17),
    // More than one block of channels and of pixels.
    shape(50, 2, 8, 130),
    shape(30, 33, 4, 300),
    // Several tiles in a row, rows that are no whole vectors.
    shape(3, 4, 24, 3),
    shape(7, 21, 16, 1),
    shape(17, 6, 8, 17),
    // More than one chunk of tiles.
    shape(40, 70, 16, 130),
    // More than one chunk of images, the last a smaller one.
    shape(128, 8, 8, 283),
];

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.normal() as f32).collect()
}

/// Calls back with the indices into large map, small map and weight of every product of the definition.
fn for_each_product(shape: ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let ConvShape { channels, outputs, side, batch } = shape;
    let half = side / 2;
    for (o, c, k) in
        (0..outputs).flat_map(|o| (0..channels).flat_map(move |c| (0..16).map(move |k| (o, c, k))))
    {
        for (i, j) in (0..half * half).map(|p| (p / half, p % half)) {
            let (y, x) = ((2 * i + k / 4).wrapping_sub(1), (2 * j + k % 4).wrapping_sub(1));
            if y < side && x < side {
                for n in 0..batch {
                    let large = ((c * side + y) * side + x) * batch + n;
                    let small = ((o * half + i) * half + j) * batch + n;
                    f(large, small, (o * channels + c) * 16 + k);
                }
            }
        }
    }
}

/// The relative error, in norms.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(expected).map(|(f, e)| f64::from(*f) - e));
    difference / norm(&mut expected.iter().copied())
}

/// Small map, large map and weight gradient of random values, as defined, in `f64`; the weight gradient is
/// added to ones.
fn defined(shape: ConvShape, [large, small, weight]: [&[f32]; 3]) -> [Vec<f64>; 3] {
    let mut sums = [vec![0.0; small.len()], vec![0.0; large.len()], vec![1.0; weight.len()]];
    for_each_product(shape, |l, s, w| {
        let [at_large, at_small, at_weight] = [large[l], small[s], weight[w]].map(f64::from);
        sums[0][s] += at_large * at_weight;
        sums[1][l] += at_small * at_weight;
        sums[2][w] += at_large * at_small;
    });
    sums
}

/// The same by a method.
fn computed(shape: ConvShape, method: Method, [large, small, weight]: [&[f32]; 3]) -> [Vec<f32>; 3] {
    let with_cache = Weight { values: weight, cache: &WeightCache::default() };
    let mut gradient = vec![1.0; weight.len()];
    weight_gradient(shape, method, large, small, &mut gradient);
    [forward(shape, method, large, with_cache), input_gradient(shape, method, small, with_cache), gradient]
}

#[test]
fn every_method_is_the_definition_at_every_level() {
    for shape in SHAPES {
        let (large, small) = (random(shape.large(), 1), random(shape.small(), 2));
        let weight = random(shape.weight(), 3);
        let expected = defined(shape, [&large, &small, &weight]);
        for (method, tolerance) in [(Method::Direct, 2e-6), (Method::F22, 2e-6), (Method::F42, 1e-5)] {
            for level in Level::available().into_iter().filter(|_| shape.allows(method)) {
                let found = level.force(|| computed(shape, method, [&large, &small, &weight]));
                for (kernel, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let error = error(found, expected);
                    assert!(
                        error < tolerance,
                        "{shape:?}, {method:?}, {level:?}, kernel {kernel}: relative error {error}"
                    );
                }
            }
        }
    }
}

#[test]
#[should_panic = "the weight of"]
fn a_slice_of_another_size_is_refused() {
    let shape = SHAPES[0];
    computed(shape, Method::Direct, [&vec![0.0; shape.large()], &vec![0.0; shape.small()], &[0.0; 3]]);
}

#[test]
#[should_panic = "F42 cannot compute"]
fn a_side_that_tiles_do_not_fill_is_refused() {
    let shape = SHAPES[2];
    let [large, small, weight] = [shape.large(), shape.small(), shape.weight()].map(|len| vec![0.0; len]);
    computed(shape, Method::F42, [&large, &small, &weight]);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let shape = shape(20, 300, 16, 48);
    let (large, small) = (random(shape.large(), 4), random(shape.small(), 5));
    let weight = random(shape.weight(), 6);
    for method in [Method::Direct, Method::F22, Method::F42] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| computed(shape, method, [&large, &small, &weight]))
        };
        let one = run(1);
        assert!((2..=3).all(|threads| run(threads) == one), "{method:?}");
    }
}
