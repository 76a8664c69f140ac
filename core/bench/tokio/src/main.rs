//! tokio-rows list                        lists the rows, as core/bench/main.cc does
//! tokio-rows run ROW WORKERS [COUNT]     runs one; the result is one line of JSON, as there

mod channels;
mod locks;
mod row;
mod sockets;
mod spawn;
mod streams;
mod time;

use row::{Kind, Row, Run};

fn all_rows() -> impl Iterator<Item = &'static Row> {
    let files = [
        spawn::ROWS,
        channels::ROWS,
        locks::ROWS,
        time::ROWS,
        sockets::ROWS,
        streams::ROWS,
    ];
    files.into_iter().flatten()
}

fn runs_with(kind: Kind, workers: usize) -> bool {
    match kind {
        Kind::Tasks | Kind::Remote => workers == 1 || workers == 2,
        Kind::One | Kind::Once | Kind::Memory => workers == 1,
        Kind::Spread => workers == 2,
    }
}

fn measure_of(kind: Kind, workers: usize) -> &'static str {
    match kind {
        Kind::Memory => "bytes",
        Kind::Remote => "wall",
        _ if workers > 1 => "wall",
        _ => "cpu",
    }
}

fn list() {
    for row in all_rows() {
        for workers in [1, 2] {
            if runs_with(row.kind, workers) {
                println!("{} {} {} {}", row.name, workers, measure_of(row.kind, workers), row.count);
            }
        }
    }
}

fn run_row(row: &Row, workers: usize, count: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap();
    if row.kind != Kind::Once && row.kind != Kind::Memory {
        (row.run)(&runtime, &mut Run::new(count.min(row.count / 10), workers));
    }
    let mut run = Run::new(count, workers);
    let done = (row.run)(&runtime, &mut run);
    let measure = measure_of(row.kind, workers);
    let total = match measure {
        "bytes" => run.resident,
        "cpu" => run.cpu,
        _ => run.wall,
    };
    println!(
        "{{\"row\": \"{}\", \"workers\": {}, \"done\": {}, \"value\": {:.3}}}",
        row.name,
        workers,
        done,
        total as f64 / count as f64
    );
}

fn usage() -> ! {
    eprintln!("usage: tokio-rows list\n       tokio-rows run ROW WORKERS [COUNT]");
    std::process::exit(2)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["list"] {
        return list();
    }
    if arguments.len() < 3 || arguments.len() > 4 || arguments[0] != "run" {
        usage();
    }
    let workers: usize = arguments[2].parse().unwrap_or_else(|_| usage());
    let found = all_rows().find(|row| row.name == arguments[1] && runs_with(row.kind, workers));
    let row = found.unwrap_or_else(|| usage());
    let count = match arguments.get(3) {
        None => row.count,
        Some(text) => text.parse().unwrap_or_else(|_| usage()),
    };
    run_row(row, workers, count);
}
