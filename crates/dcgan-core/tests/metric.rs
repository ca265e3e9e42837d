//! Features and distances against those of NumPy and SciPy, which `metric/reference.py` wrote, and what they are for.

use dcgan_core::latent::latents;
use dcgan_core::metric::{Kid, MetricError, Moments, RandomFeatures, Whitening, frechet, kid, kid_subsets};
use dcgan_core::rng::Rng;
use ndarray::{Array2, Array4, ArrayView2, Axis, s};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("metric/reference.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Noise around 0 within [-1, 1], as in the script.
fn noise(seed: u64, count: usize, [channels, height, width]: [usize; 3]) -> Array4<f32> {
    let values = latents(seed, count, channels * height * width).mapv(|x| (x * 0.5).clamp(-1.0, 1.0));
    values.into_shape_with_order((count, channels, height, width)).unwrap()
}

/// Two sets of rows that differ in mean and spread, as in the script.
fn sets(counts: [usize; 2], features: usize) -> [Array2<f32>; 2] {
    [latents(100, counts[0], features), latents(200, counts[1], features) * 0.5 + 0.25]
}

fn distance(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    frechet(&Moments::of(a.view()).unwrap(), &Moments::of(b.view()).unwrap()).unwrap()
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!((found / expected - 1.0).abs() < relative, "{found}, expected {expected}");
}

#[test]
fn features_are_numpys() {
    let expected = reference()["features"].clone();
    let images = [noise(1, 2, [3, 16, 16]), noise(3, 1, [1, 9, 14])];
    let found = images.iter().flat_map(|images| {
        let (_, channels, height, width) = images.dim();
        let extractor = RandomFeatures::new(channels, height, width).unwrap();
        let features = extractor.extract(images.view()).unwrap();
        assert_eq!(features.ncols(), extractor.len());
        features.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>()
    });
    for (image, found) in found.enumerate() {
        let expected = numbers(&expected[image]);
        assert_eq!(found.len(), expected.len(), "image {image}");
        for (feature, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - expected).abs();
            assert!(error < 2e-6, "image {image}, feature {feature}: {found}, expected {expected}");
        }
    }
}

#[test]
fn distances_are_those_of_numpy_and_scipy() {
    let expected = reference();
    let [x, y] = sets([40, 50], 6);
    let [few_x, few_y] = sets([5, 6], 8);
    for (name, a, b) in [("kid", &x, &y), ("kid_few", &few_x, &few_y)] {
        let Kid { distance, standard_error } = kid(a.view(), b.view()).unwrap();
        let expected = numbers(&expected[name]);
        near(distance, expected[0], 1e-10);
        near(standard_error, expected[1], 1e-10);
        near(kid(b.view(), a.view()).unwrap().distance, expected[0], 1e-10);
    }
    near(distance(&x, &y), expected["frechet"].as_f64().unwrap(), 1e-10);
    // More features than images: the covariances have no full rank, and roots of rounding errors come in.
    near(distance(&few_x, &few_y), expected["frechet_singular"].as_f64().unwrap(), 1e-6);
}

#[test]
fn whitened_features_are_those_of_numpy() {
    let expected = reference();
    let [x, y] = sets([40, 50], 6);
    let [few_x, few_y] = sets([5, 6], 8);
    for (name, real, rows) in [("whitened", x, y), ("whitened_singular", few_x, few_y)] {
        let whitening = Whitening::of(&Moments::of(real.view()).unwrap()).unwrap();
        let found = whitening.apply(rows.view()).unwrap();
        let expected = expected[name].as_array().unwrap();
        assert!(expected.len() > 2);
        for (found, expected) in found.outer_iter().zip(expected) {
            for (found, expected) in found.iter().zip(numbers(expected)) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{name}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn what_does_not_vary_is_not_blown_up() {
    let rows = Array2::from_elem((4, 3), 0.25);
    let whitening = Whitening::of(&Moments::of(rows.view()).unwrap()).unwrap();
    assert_eq!(whitening.apply(rows.view()).unwrap(), Array2::<f32>::zeros((4, 3)));
    let other = whitening.apply((&rows + 1.0).view()).unwrap();
    assert!(other.iter().all(|value| (value - 1.0).abs() < 1e-6), "{other}");
    assert!(matches!(
        whitening.apply(Array2::zeros((1, 2)).view()),
        Err(MetricError::Dimensions { a: 3, b: 2 })
    ));
}

/// More rows than are computed at once, and their parts.
#[test]
fn large_sets_are_the_sum_of_their_parts() {
    let [x, y] = sets([600, 300], 4);
    let whole = Moments::of(x.view()).unwrap();
    let mut parts = Moments::new(4);
    x.axis_chunks_iter(Axis(0), 7).for_each(|rows| parts.add(rows).unwrap());
    assert_eq!(parts.count(), 600);
    assert!((parts.mean() - whole.mean()).iter().all(|error| error.abs() < 1e-12));
    let covariances = [parts, whole].map(|moments| moments.covariance().unwrap());
    assert!((&covariances[0] - &covariances[1]).iter().all(|error| error.abs() < 1e-12));

    let kernel = |a: ArrayView2<f32>, b: ArrayView2<f32>, own: bool| {
        let pairs = a.outer_iter().enumerate().flat_map(|(i, a)| {
            b.outer_iter().enumerate().filter(move |(j, _)| !(own && i == *j)).map(move |(_, b)| {
                let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                (product / 4.0 + 1.0).powi(3)
            })
        });
        let pairs: Vec<f64> = pairs.collect();
        pairs.iter().sum::<f64>() / pairs.len() as f64
    };
    let (x, y) = (x.view(), y.view());
    let expected = kernel(x, x, true) + kernel(y, y, true) - 2.0 * kernel(x, y, false);
    near(kid(x, y).unwrap().distance, expected, 1e-9);
}

/// Over many draws of the same two distributions, distances scatter as their standard errors say; where the
/// distributions are the same, by less, as the jackknife is on the safe side there.
#[test]
fn the_standard_error_is_that_of_repeated_draws() {
    for (shift, allowed) in [(1.0, 0.85..1.15), (0.0, 1.2..1.6)] {
        let draw = |seed: u64| kid(latents(seed, 60, 5).view(), (latents(seed + 1000, 80, 5) + shift).view());
        let draws: Vec<Kid> = (0..300).map(|i| draw(10_000 * i).unwrap()).collect();
        let mean = |value: &dyn Fn(&Kid) -> f64| draws.iter().map(value).sum::<f64>() / draws.len() as f64;
        let average = mean(&|kid| kid.distance);
        let scatter = mean(&|kid| (kid.distance - average).powi(2)).sqrt();
        let said = mean(&|kid| kid.standard_error.powi(2)).sqrt();
        assert!(allowed.contains(&(said / scatter)), "shift {shift}: {said} said, {scatter} found");
    }
}

#[test]
fn parts_have_the_distance_of_the_whole() {
    let [x, y] = sets([200, 200], 6);
    let whole = kid(x.view(), y.view()).unwrap();
    let parts = kid_subsets(x.view(), y.view(), 200, 50, 3).unwrap();
    assert!((parts.mean - whole.distance).abs() < whole.standard_error, "{parts:?} {whole:?}");
    assert!(parts.standard_deviation > whole.standard_error, "parts scatter more: {parts:?} {whole:?}");
    // A part as large as the set is the set, in whatever order.
    let all = kid_subsets(x.view(), y.view(), 3, 200, 3).unwrap();
    near(all.mean, whole.distance, 1e-9);
    assert!(all.standard_deviation < 1e-12);
}

/// Images of the same kind are at no distance; blurred, recoloured or alike ones are, and the more the further.
#[test]
fn worse_images_are_further_away() {
    let extractor = RandomFeatures::new(3, 16, 16).unwrap();
    let features = |images: &Array4<f32>| extractor.extract(images.view()).unwrap();
    let real = features(&noise(0, 150, [3, 16, 16]));
    let others = noise(1000, 150, [3, 16, 16]);
    let none = kid(real.view(), features(&others).view()).unwrap();
    assert!(none.distance.abs() < 4.0 * none.standard_error, "{none:?}");

    let blur = |images: &Array4<f32>, weight: f32| {
        let mut blurred = images.clone();
        let next = images.slice(s![.., .., .., 1..]);
        blurred.slice_mut(s![.., .., .., ..15]).zip_mut_with(&next, |x, y| *x += weight * (y - *x));
        blurred
    };
    let redden = |images: &Array4<f32>, by: f32| {
        let mut red = images.clone();
        red.slice_mut(s![.., 0, .., ..]).mapv_inplace(|x| x + by);
        red
    };
    let repeat = |images: &Array4<f32>, different: usize| {
        let mut rng = Rng::new(different as u64);
        let rows: Vec<usize> = (0..150).map(|_| rng.below(different)).collect();
        images.select(Axis(0), &rows)
    };
    let changes: [(&str, [Array4<f32>; 2]); 3] = [
        ("blurred", [blur(&others, 0.2), blur(&others, 0.5)]),
        ("red", [redden(&others, 0.1), redden(&others, 0.4)]),
        ("alike", [repeat(&others, 10), repeat(&others, 2)]),
    ];
    for (name, [a_little, much]) in changes {
        let [a_little, much] = [features(&a_little), features(&much)];
        let kids = [&a_little, &much].map(|features| kid(real.view(), features.view()).unwrap().distance);
        assert!(kids[0] > none.distance && kids[1] > 1.5 * kids[0], "{name}: {none:?}, then {kids:?}");
        let frechets = [&features(&others), &a_little, &much].map(|features| distance(&real, features));
        assert!(frechets[2] > 1.1 * frechets[0].max(frechets[1]), "{name}: {frechets:?}");
    }
}

#[test]
fn a_set_is_at_no_distance_from_itself() {
    let [x, _] = sets([40, 40], 6);
    assert!(distance(&x, &x) < 1e-9);
    let [few, _] = sets([5, 5], 8);
    assert!(distance(&few, &few) < 1e-6);
}

#[test]
fn what_has_no_distance_is_an_error() {
    let [x, y] = sets([4, 4], 6);
    let two = x.slice(s![..2, ..]);
    let too_few = MetricError::TooFew { what: "images", found: 2, needed: 3 };
    assert_eq!(kid(two, y.view()), Err(too_few.clone()));
    assert_eq!(kid(x.view(), y.slice(s![..2, ..])), Err(too_few.clone()));
    assert_eq!(too_few.to_string(), "2 images, at least 3 are needed");
    let narrow = y.slice(s![.., ..5]);
    assert_eq!(kid(x.view(), narrow), Err(MetricError::Dimensions { a: 6, b: 5 }));
    assert_eq!(
        kid_subsets(x.view(), y.view(), 1, 5, 0).unwrap_err().to_string(),
        "4 images, at least 5 are needed"
    );
    assert!(kid_subsets(x.view(), y.view(), 0, 4, 0).is_err());

    let moments = |features| Moments::of(features).unwrap();
    let (wide, narrow) = (moments(x.view()), moments(narrow));
    assert_eq!(frechet(&wide, &narrow), Err(MetricError::Dimensions { a: 6, b: 5 }));
    let one = moments(x.slice(s![..1, ..]));
    assert_eq!(frechet(&wide, &one), Err(MetricError::TooFew { what: "images", found: 1, needed: 2 }));
    assert_eq!(Moments::new(3).covariance().unwrap_err().to_string(), "0 images, at least 2 are needed");
    let huge = moments((&x * 1e38).view());
    assert!(frechet(&wide, &huge).is_ok_and(f64::is_finite));

    for wrong in [f32::NAN, f32::INFINITY] {
        let mut broken = x.clone();
        broken[(2, 1)] = wrong;
        let expected = MetricError::NotFinite { image: 2, feature: 1 };
        assert_eq!(kid(y.view(), broken.view()), Err(expected.clone()));
        let mut moments = wide.clone();
        assert_eq!(moments.add(broken.view()), Err(expected));
        assert_eq!(moments, wide, "nothing was added");
    }
}

#[test]
fn images_that_do_not_fit_are_an_error() {
    for (channels, height, width) in [(2, 32, 32), (3, 7, 32), (3, 32, 0), (0, 32, 32)] {
        let error = RandomFeatures::new(channels, height, width).err();
        assert_eq!(error, Some(MetricError::Images { channels, height, width }));
    }
    let extractor = RandomFeatures::new(3, 16, 8).unwrap();
    let swapped = extractor.extract(noise(0, 1, [3, 8, 16]).view());
    assert_eq!(swapped, Err(MetricError::Images { channels: 3, height: 8, width: 16 }));
    assert_eq!(extractor.extract(noise(0, 0, [3, 16, 8]).view()).unwrap().dim(), (0, extractor.len()));
    let mut images = noise(0, 3, [3, 16, 8]);
    images[(1, 2, 5, 5)] = f32::NAN;
    assert!(matches!(extractor.extract(images.view()), Err(MetricError::NotFinite { image: 1, .. })));
}

/// A gray image has the features of the same image in colour.
#[test]
fn gray_is_a_colour() {
    let gray = noise(5, 2, [1, 16, 16]);
    let colour = gray.broadcast((2, 3, 16, 16)).unwrap().to_owned();
    let [gray, colour] = [gray, colour]
        .map(|images| RandomFeatures::new(images.dim().1, 16, 16).unwrap().extract(images.view()));
    assert_eq!(gray, colour);
}
