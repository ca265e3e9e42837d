//! Times the three passes of each convolution of dcgan64, next to the machine's matrix products.
//!
//!     cargo bench -p dcgan-train --bench kernels -- --batch 128 --threads 2
//!
//! GFLOP/s are those of the direct form: a method with fewer multiplications may exceed the peak.

use std::hint::black_box;
use std::time::Instant;

use clap::Parser;
use dcgan_train::kernels::conv::{self, ConvShape, Kept, Method, Weight};
use dcgan_train::kernels::recycler::Recycler;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Runs of each pass, of which the fastest counts.
    #[arg(long, default_value_t = 5)]
    iters: usize,
    /// 0: one for each processor
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// All methods that a layer allows, not the chosen one alone.
    #[arg(long)]
    all: bool,
    /// Set by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The least seconds that `work` took.
fn time(iters: usize, mut work: impl FnMut()) -> f64 {
    let mut run = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    run();
    (0..iters.max(1)).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// GFLOP/s of large square matrix products on one thread.
fn peak(iters: usize) -> f64 {
    const SIDE: usize = 1024;
    let (a, b) = (vec![1.0f32; SIDE * SIDE], vec![1.0f32; SIDE * SIDE]);
    let mut c = vec![0.0f32; SIDE * SIDE];
    let (row, column) = (SIDE as isize, 1);
    let seconds = time(iters, || {
        // SAFETY: three matrices of SIDE rows and columns, each in a slice of its own.
        unsafe {
            gemm::gemm(
                SIDE,
                SIDE,
                SIDE,
                c.as_mut_ptr(),
                column,
                row,
                false,
                a.as_ptr(),
                column,
                row,
                b.as_ptr(),
                column,
                row,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        black_box(&c);
    });
    2.0 * (SIDE * SIDE * SIDE) as f64 / seconds / 1e9
}

fn layer(args: &Args, shape: ConvShape, method: Method, peak: f64) {
    let values = |count: usize| (0..count).map(|i| (i * 40503 % 1000) as f32 / 1000.0 - 0.5).collect();
    let (large, small): (Vec<f32>, Vec<f32>) = (values(shape.large()), values(shape.small()));
    let (values, kept): (Vec<f32>, _) = (values(shape.weight()), Kept::default());
    let (weight, mut gradient) = (Weight { values: &values, kept: &kept }, vec![0.0; values.len()]);
    let passes = [
        time(args.iters, || drop(black_box(conv::forward(shape, method, &large, weight)))),
        time(args.iters, || drop(black_box(conv::input_gradient(shape, method, &small, weight)))),
        time(args.iters, || conv::weight_gradient(shape, method, &large, &small, &mut gradient)),
    ];
    let operations = 2.0 * (shape.small() * shape.channels * 16) as f64;
    let ConvShape { channels, outputs, side, .. } = shape;
    let mark = if method == shape.method() { "*" } else { " " };
    print!("{:>18} {method:>6?}{mark}", format!("{channels} to {outputs}, {side}x{side}"));
    for seconds in passes {
        let rate = operations / seconds / 1e9;
        print!(" | {:7.2} ms {rate:6.0} {:5.2}", seconds * 1e3, rate / peak);
    }
    println!();
}

fn main() {
    let args = Args::parse();
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().expect("threads can be started");
    let peak = peak(args.iters);
    println!("matrix products on one thread: {peak:.0} GFLOP/s");
    println!("batch {}, {} threads; * is the chosen method", args.batch, pool.current_num_threads());
    println!("each pass: ms, direct GFLOP/s, the same as a fraction of one thread's matrix products");
    println!("{:>26} | {:24} | {:24} | weight gradient", "layer, method", "forward", "input gradient");
    for (channels, outputs, side) in [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8)] {
        let shape = ConvShape { channels, outputs, side, batch: args.batch };
        for method in [Method::Direct, Method::F22, Method::F42] {
            if method == shape.method() || args.all && shape.allows(method) {
                pool.install(|| layer(&args, shape, method, peak));
            }
        }
    }
}
