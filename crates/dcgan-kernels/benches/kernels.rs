//! Times the three passes of each convolution of dcgan64, next to the machine's matrix products.
//!
//!     cargo bench -p dcgan-kernels --bench kernels                                  # all of it
//!     cargo bench -p dcgan-kernels --bench kernels -- "/128 images/2 threads"       # some, by a regular expression
//!
//! Operations are those of the direct form: a method with fewer multiplications may exceed the peak. The last
//! column of the table at the end is the fraction of what large matrix products reach with as many threads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use dcgan_kernels::conv::{self, ConvShape, Method, Weight, WeightCache};
use dcgan_kernels::linear::{self, LinearShape};
use dcgan_kernels::recycler::Recycler;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

const THREADS: [usize; 2] = [1, 2];
const BATCHES: [usize; 4] = [16, 32, 128, 256];
/// Channels of the large map and of the small one, and the large one's side.
const LAYERS: [(usize, usize, usize); 4] = [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8)];
/// Side of the matrices that measure the peak.
const PEAK: usize = 1024;

/// The rows of the table.
#[derive(Default)]
struct Results(Vec<Row>);

struct Row {
    threads: usize,
    name: String,
    seconds: f64,
    operations: f64,
}

impl Results {
    /// Measures `work` on `threads` threads, unless the command line's filter excludes it.
    fn measure(
        &mut self,
        group: &mut BenchmarkGroup<WallTime>,
        (name, threads): (&str, usize),
        operations: usize,
        mut work: impl FnMut() + Send,
    ) {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        let mut least = f64::INFINITY;
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(format!("{name}/{threads} threads"), |bencher| {
            bencher.iter_custom(|iterations| {
                let run = pool.install(|| time(iterations, &mut work));
                least = least.min(run.as_secs_f64() / iterations as f64);
                run
            });
        });
        if least.is_finite() {
            let operations = operations as f64;
            self.0.push(Row { threads, name: name.to_owned(), seconds: least, operations });
        }
    }

    fn print(&self) {
        println!("| | threads | ms | GFLOP/s | of matrix products |\n|---|---|---|---|---|");
        for Row { threads, name, seconds, operations } in &self.0 {
            let rate = |row: &Row| row.operations / row.seconds;
            let peak = self.0.iter().find(|row| row.threads == *threads).map_or(f64::NAN, rate);
            let rate = operations / seconds;
            println!(
                "| {name} | {threads} | {:.2} | {:.0} | {:.2} |",
                seconds * 1e3,
                rate / 1e9,
                rate / peak
            );
        }
    }
}

fn time(iterations: u64, work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..iterations).for_each(|_| work());
    start.elapsed()
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 40503 % 1000) as f32 / 1000.0 - 0.5).collect()
}

fn matrix_products(group: &mut BenchmarkGroup<WallTime>, results: &mut Results) {
    let shape = LinearShape { inputs: PEAK, outputs: PEAK, batch: PEAK };
    let (a, b, bias) = (numbers(PEAK * PEAK), numbers(PEAK * PEAK), numbers(PEAK));
    for threads in THREADS {
        let product = || drop(black_box(linear::forward(shape, &a, &b, &bias)));
        results.measure(group, ("matrix product", threads), 2 * PEAK * PEAK * PEAK, product);
    }
}

fn layer(group: &mut BenchmarkGroup<WallTime>, results: &mut Results, shape: ConvShape, method: Method) {
    let (large, small, values) = (numbers(shape.large()), numbers(shape.small()), numbers(shape.weight()));
    let cache = WeightCache::default();
    let (weight, mut gradient) = (Weight { values: &values, cache: &cache }, vec![0.0; values.len()]);
    let operations = 2 * shape.small() * shape.channels * 16;
    let ConvShape { channels, outputs, side, batch } = shape;
    let layer = format!("{channels} to {outputs}, {side}x{side}, {method:?}");
    for threads in THREADS {
        let mut measure = |pass: &str, work: &mut (dyn FnMut() + Send)| {
            let name = format!("{layer}/{pass}/{batch} images");
            results.measure(group, (&name, threads), operations, work);
        };
        measure("forward", &mut || drop(black_box(conv::forward(shape, method, &large, weight))));
        measure("input gradient", &mut || {
            drop(black_box(conv::input_gradient(shape, method, &small, weight)))
        });
        measure("weight gradient", &mut || {
            conv::weight_gradient(shape, method, &large, &small, &mut gradient)
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let (mut group, mut results) = (criterion.benchmark_group("kernels"), Results::default());
    matrix_products(&mut group, &mut results);
    for ((channels, outputs, side), batch) in LAYERS.into_iter().flat_map(|l| BATCHES.map(|b| (l, b))) {
        let shape = ConvShape { channels, outputs, side, batch };
        for method in [Method::Direct, Method::F22, Method::F42] {
            layer(&mut group, &mut results, shape, method);
        }
    }
    group.finish();
    criterion.final_summary();
    results.print();
}
