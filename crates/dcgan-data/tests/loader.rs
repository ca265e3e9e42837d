//! What training relies on: the order, grouping and completeness of batches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use dcgan_data::{
    Batch, Cursor, DataError, Dataset, Folder, FolderConfig, Loader, LoaderConfig, epoch_batches,
};
use image::{DynamicImage, Rgb, RgbImage};

/// Pictures that are their own number: pixel (0, 0) of picture `i` is `[i / 256, i % 256, 0]`.
struct Numbered {
    len: usize,
    broken: BTreeSet<usize>,
}

impl Dataset for Numbered {
    fn len(&self) -> usize {
        self.len
    }

    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        if self.broken.contains(&index) {
            return Err(DataError::Truncated { path: format!("{index}.jpg").into() });
        }
        Ok(RgbImage::from_pixel(2, 2, Rgb([(index / 256) as u8, (index % 256) as u8, 0])).into())
    }
}

fn numbered(len: usize, broken: impl IntoIterator<Item = usize>) -> Arc<Numbered> {
    Arc::new(Numbered { len, broken: broken.into_iter().collect() })
}

fn config(batch_size: usize) -> LoaderConfig {
    LoaderConfig { size: 2, batch_size, seed: 5, ..LoaderConfig::default() }
}

fn take(loader: &mut Loader, batches: usize) -> Vec<Batch> {
    (0..batches).map(|_| loader.next_batch().unwrap()).collect()
}

fn epochs(loader: &mut Loader, count: usize) -> Vec<Vec<Batch>> {
    let epoch = |loader: &mut Loader| {
        let mut batches = take(loader, 1);
        while !batches[batches.len() - 1].last_of_epoch {
            batches.extend(take(loader, 1));
        }
        batches
    };
    (0..count).map(|_| epoch(loader)).collect()
}

/// The pictures' numbers, in order.
fn numbers(batches: &[Batch]) -> Vec<usize> {
    let first_pixel = |image: &[u8]| usize::from(image[0]) * 256 + usize::from(image[4]);
    batches.iter().flat_map(|batch| batch.pixels.chunks(3 * 4).map(first_pixel)).collect()
}

/// All that training sees of a batch.
type Seen<'a> = (u64, usize, bool, usize, &'a [u8]);

fn content(batches: &[Batch]) -> Vec<Seen<'_>> {
    fn seen(b: &Batch) -> Seen<'_> {
        (b.epoch, b.index_in_epoch, b.last_of_epoch, b.count, &b.pixels)
    }
    batches.iter().map(seen).collect()
}

fn sorted(mut numbers: Vec<usize>) -> Vec<usize> {
    numbers.sort_unstable();
    numbers
}

#[test]
fn an_epoch_holds_each_picture_once_and_ends_with_a_short_batch() {
    let mut loader = Loader::start(numbered(300, []), config(128)).unwrap();
    for (number, batches) in epochs(&mut loader, 3).iter().enumerate() {
        let counts: Vec<_> = batches.iter().map(|b| (b.epoch, b.index_in_epoch, b.count)).collect();
        let number = number as u64;
        assert_eq!(counts, [(number, 0, 128), (number, 1, 128), (number, 2, 44)]);
        assert!(batches.iter().all(|b| b.pixels.len() == b.count * 3 * 4));
        assert_eq!(sorted(numbers(batches)), (0..300).collect::<Vec<_>>());
    }
}

#[test]
fn a_batch_may_be_larger_than_the_dataset_or_fit_it_exactly() {
    for (batch_size, expected) in [(1000, vec![6]), (6, vec![6]), (3, vec![3, 3]), (1, vec![1; 6])] {
        let mut loader = Loader::start(numbered(6, []), config(batch_size)).unwrap();
        for batches in epochs(&mut loader, 2) {
            assert_eq!(batches.iter().map(|b| b.count).collect::<Vec<_>>(), expected);
            assert_eq!(batches.len(), epoch_batches(6, batch_size));
        }
    }
}

#[test]
fn orders_differ_between_epochs_and_seeds_and_repeat_with_the_seed() {
    let order = |seed| {
        let mut loader = Loader::start(numbered(50, []), LoaderConfig { seed, ..config(8) }).unwrap();
        epochs(&mut loader, 2).iter().map(|batches| numbers(batches)).collect::<Vec<_>>()
    };
    let first = order(1);
    assert_eq!(first, order(1));
    assert_ne!(first[0], first[1]);
    assert_ne!(first[0], order(2)[0]);
}

#[test]
fn broken_pictures_are_left_out_reported_once_and_shorten_only_the_last_batch() {
    let mut loader = Loader::start(numbered(20, [3, 4, 11, 19]), config(5)).unwrap();
    let epochs = epochs(&mut loader, 3);
    for batches in &epochs {
        assert_eq!(batches.iter().map(|b| b.count).collect::<Vec<_>>(), [5, 5, 5, 1]);
        let good: Vec<usize> = (0..20).filter(|i| ![3, 4, 11, 19].contains(i)).collect();
        assert_eq!(sorted(numbers(batches)), good);
    }
    let reports = |batches: &[Batch]| {
        batches
            .iter()
            .flat_map(|b| b.broken.iter().map(|broken| broken.reason.to_string()))
            .collect::<BTreeSet<_>>()
    };
    let names = reports(&epochs[0]);
    assert_eq!(names.len(), 4);
    assert!(["3.jpg", "4.jpg", "11.jpg", "19.jpg"].iter().all(|n| names.iter().any(|m| m.contains(n))));
    assert!(reports(&epochs[1]).is_empty() && reports(&epochs[2]).is_empty());
}

#[test]
fn a_full_last_batch_is_the_last_even_if_only_broken_pictures_follow() {
    // Whatever the order, in some epoch the broken one comes last.
    let mut loader = Loader::start(numbered(4, [0]), config(3)).unwrap();
    for batches in epochs(&mut loader, 20) {
        assert_eq!((batches.len(), batches[0].count), (1, 3));
    }
}

#[test]
fn a_truncated_file_of_a_folder_is_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..5 {
        let path = folder.path().join(format!("{i}.jpg"));
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * y + i) as u8, x as u8, y as u8])).save(&path).unwrap();
    }
    let path = folder.path().join("3.jpg");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let mut loader =
        Loader::start(Arc::new(Folder::open(folder.path(), FolderConfig::default()).unwrap()), config(10))
            .unwrap();
    for expected in [1, 0] {
        let batch = loader.next_batch().unwrap();
        assert_eq!((batch.count, batch.broken.len()), (4, expected));
        assert!(
            batch
                .broken
                .iter()
                .all(|broken| broken.image == 3 && broken.reason.to_string().contains("3.jpg"))
        );
    }
}

#[test]
fn all_broken_is_an_error_that_quotes_a_failure() {
    let mut loader = Loader::start(numbered(3, 0..3), config(2)).unwrap();
    let error = loader.next_batch().unwrap_err();
    assert!(matches!(error, DataError::AllBroken { count: 3, .. }), "{error}");
    assert!(error.to_string().contains(".jpg"), "{error}");
    assert!(matches!(loader.next_batch(), Err(DataError::Ended)));
}

#[test]
fn a_resumed_loader_goes_on_as_the_uninterrupted_one() {
    let broken = |batch: &Batch| batch.broken.iter().map(|broken| broken.image).collect::<Vec<_>>();
    for unusable in [vec![], vec![0, 7, 8, 21]] {
        let dataset = || numbered(23, unusable.clone());
        let whole = take(&mut Loader::start(dataset(), config(4)).unwrap(), 20);
        let (mut start, mut known) = (Cursor::default(), Vec::new());
        for (done, batch) in whole.iter().enumerate() {
            assert_eq!((batch.epoch, batch.index_in_epoch), (start.epoch, start.batch));
            let resumed = LoaderConfig { start, broken: known.clone(), ..config(4) };
            let rest = take(&mut Loader::start(dataset(), resumed).unwrap(), 20 - done);
            assert_eq!(content(&rest), content(&whole[done..]));
            let reports = |batches: &[Batch]| batches.iter().map(broken).collect::<Vec<_>>();
            assert_eq!(reports(&rest), reports(&whole[done..]));
            start = batch.next;
            known.extend(broken(batch));
        }
    }
}

#[test]
fn a_start_past_the_end_of_an_epoch_is_the_next_epoch() {
    for image in [10, 11, 100] {
        let start = LoaderConfig { start: Cursor { epoch: 6, batch: 3, image }, ..config(4) };
        let batch = Loader::start(numbered(10, []), start).unwrap().next_batch().unwrap();
        assert_eq!((batch.epoch, batch.index_in_epoch), (7, 0));
    }
}

#[test]
fn what_comes_before_the_start_is_not_decoded() {
    let decoded = Arc::new(AtomicUsize::new(0));
    let start = Cursor { epoch: 0, batch: 2, image: 8 };
    let config = LoaderConfig { start, prefetch: 0, cache_bytes: 0, ..config(4) };
    let mut loader = Loader::start(Arc::new(Counting(Arc::clone(&decoded))), config).unwrap();
    let batch = loader.next_batch().unwrap();
    assert!((batch.count, batch.last_of_epoch) == (2, true), "{batch:?}");
    // Two, and those of a batch of the next epoch that is already in preparation.
    assert!(decoded.load(Ordering::Relaxed) <= 2 + 5);
}

#[test]
fn the_cache_changes_nothing_but_time() {
    let with_cache = |cache_bytes| {
        let config = LoaderConfig { cache_bytes, ..config(7) };
        take(&mut Loader::start(numbered(40, [12]), config).unwrap(), 18)
    };
    let without = with_cache(0);
    for bytes in [1, 12, 100, 1 << 20] {
        assert_eq!(content(&with_cache(bytes)), content(&without), "{bytes} bytes");
    }
}

/// A dataset that counts how often a picture is decoded.
struct Counting(Arc<AtomicUsize>);

impl Dataset for Counting {
    fn len(&self) -> usize {
        10
    }
    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(image::RgbImage::from_pixel(2, 2, image::Rgb([index as u8; 3])).into())
    }
}

/// Images of 12 bytes: what fits the cache is decoded once, the others each epoch.
#[test]
fn the_cache_keeps_what_fits_and_no_more() {
    for (kept, cache_bytes) in [(0, 11), (3, 36), (10, 120), (10, 1 << 20)] {
        let decoded = Arc::new(AtomicUsize::new(0));
        let config = LoaderConfig { size: 2, cache_bytes, prefetch: 0, ..config(10) };
        let mut loader = Loader::start(Arc::new(Counting(Arc::clone(&decoded))), config).unwrap();
        (0..4).for_each(|_| drop(loader.next_batch().unwrap()));
        drop(loader);
        // Three epochs after the first for certain; the loader may have begun the one or two after them.
        let expected = 10 + 3 * (10 - kept)..=10 + 5 * (10 - kept);
        let found = decoded.load(Ordering::Relaxed);
        assert!(expected.contains(&found), "{cache_bytes} bytes: {found} decoded, expected {expected:?}");
    }
}

#[test]
fn dropping_a_loader_whose_channel_is_full_ends_its_thread() {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for prefetch in [0, 1, 4] {
            let loader = Loader::start(numbered(10, []), LoaderConfig { prefetch, ..config(2) }).unwrap();
            // Long enough for the channel to fill; the drop has to work either way.
            std::thread::sleep(Duration::from_millis(50));
            drop(loader);
        }
        sender.send(()).unwrap();
    });
    receiver.recv_timeout(Duration::from_secs(20)).expect("the drop hangs");
}

#[test]
fn a_panic_of_the_thread_is_an_error() {
    struct Bug;
    impl Dataset for Bug {
        fn len(&self) -> usize {
            1
        }
        fn picture(&self, _: usize) -> Result<DynamicImage, DataError> {
            panic!("not yet written")
        }
    }
    let mut loader = Loader::start(Arc::new(Bug), config(1)).unwrap();
    let error = loader.next_batch().unwrap_err();
    assert!(matches!(error, DataError::Panicked { .. }), "{error}");
    assert!(error.to_string().contains("not yet written"), "{error}");
    assert!(loader.next_batch().is_err());
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let refused = |dataset, config| matches!(Loader::start(dataset, config), Err(DataError::Setting { .. }));
    assert!(refused(numbered(3, []), config(0)));
    assert!(refused(numbered(0, []), config(1)));
    assert!(refused(numbered(3, []), LoaderConfig { channels: 2, ..config(1) }));
    assert!(refused(numbered(3, []), LoaderConfig { size: 0, ..config(1) }));
}
