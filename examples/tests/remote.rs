//! Devices of other processes: `serve_device` offers them, programs train on them, and one is killed.
//!
//! `cargo build --workspace --features examples/remote --example serve_device --example linear_regression`, then
//! `cargo test --workspace --features examples/remote --test remote`
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tinderbox::burn::tensor::{Int, Tolerance, ops::ConvOptions};
use tinderbox::kernels;
use tinderbox::prelude::*;

const TOKEN: &str = "correct horse battery staple";

/// The program of an example, which is built with the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().and_then(Path::parent).unwrap();
    let program = programs.join("examples").join(name);
    assert!(program.is_file(), "{} is not built", program.display());
    let mut command = Command::new(program);
    command
        .env_remove("RUST_BACKTRACE")
        .env_remove("TINDERBOX_DEVICE_TOKEN")
        .env_remove("TINDERBOX_DEVICE_TOKEN_FILE");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that offers a Flex device.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(token: Option<&str>) -> Self {
        let mut command = example("serve_device");
        command.args(["--device", "flex", "--listen", "127.0.0.1:0"]);
        if let Some(token) = token {
            command.env("TINDERBOX_DEVICE_TOKEN", token);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        // What it logs must not fill the pipe.
        std::thread::spawn(move || {
            for line in output.lines() {
                assert!(!line.unwrap().contains(TOKEN));
            }
        });
        let (_, address) = line.trim().split_once(" at ").unwrap();
        assert!(address.starts_with("ws://127.0.0.1:"), "{line}");
        Self {
            process,
            address: address.into(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `linear_regression` on these devices.
fn train(devices: &[&str], out: &Path, more: &[&str]) -> Command {
    let mut command = example("linear_regression");
    command
        .args(["--device", &devices.join(",")])
        .args(more)
        .arg("--out")
        .arg(out)
        .env("TINDERBOX_DEVICE_TOKEN", TOKEN)
        // A remote device computes with Burn's own operations.
        .env("TINDERBOX_KERNELS", "stock");
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn works(command: &mut Command) {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        text(&output.stderr)
    );
}

fn fails(command: &mut Command) -> String {
    let output = output(command);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{command:?}\n{said}");
    assert!(!said.contains(TOKEN) && !text(&output.stdout).contains(TOKEN));
    said
}

/// What a run left: the history without its seconds, and the bytes of its weights.
fn left(run: &Path) -> (Vec<String>, Vec<u8>) {
    let history = std::fs::read_to_string(run.join("history.csv")).unwrap();
    let header = history.lines().next().unwrap();
    let seconds = header.split(',').position(|name| name == "seconds");
    let kept = |line: &str| {
        let cells = line.split(',').enumerate();
        let kept = cells.filter(|(index, _)| Some(*index) != seconds);
        kept.map(|(_, cell)| format!("{cell} ")).collect()
    };
    let weights = std::fs::read(run.join("bundle/model.safetensors")).unwrap();
    (history.lines().map(kept).collect(), weights)
}

#[test]
fn remote_devices_train_to_the_bits_of_local_ones() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let (one, two) = (Server::start(Some(TOKEN)), Server::start(Some(TOKEN)));
    let few = ["--epochs", "4"];
    works(&mut train(&["flex", "flex"], &out("local"), &few));
    works(&mut train(
        &[&one.address, &two.address],
        &out("remote"),
        &few,
    ));
    assert_eq!(left(&out("remote")), left(&out("local")));
    // One device, and the token in a file.
    let file = out("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    works(&mut train(&["flex"], &out("local-one"), &few));
    works(
        train(&[&one.address], &out("remote-one"), &few)
            .env_remove("TINDERBOX_DEVICE_TOKEN")
            .env("TINDERBOX_DEVICE_TOKEN_FILE", &file),
    );
    assert_eq!(left(&out("remote-one")), left(&out("local-one")));
}

#[test]
fn a_wrong_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let server = Server::start(Some(TOKEN));
    for token in ["wrong", ""] {
        let said = fails(train(&[&server.address], &out, &[]).env("TINDERBOX_DEVICE_TOKEN", token));
        assert!(
            said.contains(&format!(
                "device '{}': it refuses the token",
                server.address
            )),
            "{said}"
        );
    }
    let said = fails(
        train(&[&server.address], &out, &[])
            .env_remove("TINDERBOX_DEVICE_TOKEN")
            .env("TINDERBOX_DEVICE_TOKEN_FILE", "/nowhere/token"),
    );
    assert!(said.contains("/nowhere/token"), "{said}");
}

#[test]
fn only_this_machine_is_served_without_a_token() {
    let said = fails(example("serve_device").args(["--device", "flex", "--listen", "0.0.0.0:0"]));
    assert!(said.contains("TINDERBOX_DEVICE_TOKEN"), "{said}");
    let server = Server::start(None);
    // A remote device cannot be offered again.
    let said = fails(example("serve_device").args([
        "--device",
        &server.address,
        "--listen",
        "127.0.0.1:0",
    ]));
    assert!(said.contains("remote device"), "{said}");
}

/// The checkpoints of a run.
fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(run.join("checkpoints")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let finished = |path: &PathBuf| path.extension().is_some_and(|end| end == "ckpt");
    paths.filter(finished).collect()
}

#[test]
fn a_device_that_goes_away_is_named_and_the_run_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let epochs = ["--epochs", "12"];
    works(&mut train(&["flex", "flex"], &out("undisturbed"), &epochs));
    for lost in [0, 1] {
        let run = out(&format!("lost-{lost}"));
        let mut servers = [Server::start(Some(TOKEN)), Server::start(Some(TOKEN))];
        let addresses = [servers[0].address.clone(), servers[1].address.clone()];
        let devices = [addresses[0].as_str(), &addresses[1]];
        let mut training = train(&devices, &run, &epochs);
        let training = training.stdout(Stdio::null()).stderr(Stdio::piped());
        let training = training.spawn().unwrap();
        let began = Instant::now();
        while checkpoints(&run).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        servers[lost].process.kill().unwrap();
        let killed = Instant::now();
        let output = training.wait_with_output().unwrap();
        assert!(killed.elapsed() < Duration::from_secs(30));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let named = format!("lost the device {}", addresses[lost]);
        assert!(said.contains(&named), "{said}");
        assert!(said.contains(".ckpt"), "{said}");
        assert!(!checkpoints(&run).is_empty());
        drop(servers);

        let servers = [Server::start(Some(TOKEN)), Server::start(Some(TOKEN))];
        let devices = [servers[0].address.as_str(), &servers[1].address];
        let resumed = [epochs[0], epochs[1], "--resume"];
        works(&mut train(&devices, &run, &resumed));
        assert_eq!(left(&run), left(&out("undisturbed")), "device {lost} lost");
    }
}

#[test]
fn kernels_leave_remote_devices_to_burns_operations() {
    let server = Server::start(None);
    let remote = tinderbox::device(Some(&server.address)).unwrap();
    let near = |name: &str, compute: &dyn Fn(&Device) -> Tensor<1>| {
        let (ours, theirs) = (
            compute(&Device::flex().autodiff()),
            compute(&remote.clone().autodiff()),
        );
        let tolerance = Tolerance::<f32>::rel_abs(1e-4, 1e-4);
        println!("{name}");
        ours.into_data()
            .assert_approx_eq(&theirs.into_data(), tolerance);
    };
    let numbers = |device: &Device, count: usize, scale: f64| {
        let range = Tensor::<1, Int>::arange(0..count as i64, device).float();
        (range * scale).sin()
    };
    // The gradient of the input, through a loss that gives every output its own weight.
    fn gradient<const D: usize>(input: &Tensor<D>, output: Tensor<D>) -> Tensor<1> {
        let count = output.shape().num_elements();
        let output = output.reshape([count]);
        let weights = Tensor::<1, Int>::arange(0..count as i64, &output.device()).float();
        let loss = (output * (weights * 0.3).cos()).sum();
        let gradients = loss.backward();
        let gradient = input.grad(&gradients).unwrap();
        let count = gradient.shape().num_elements();
        gradient.reshape([count])
    }
    near("convolution", &|device| {
        let input = numbers(device, 2 * 3 * 64, 0.7)
            .reshape([2, 3, 8, 8])
            .require_grad();
        let weight = numbers(device, 4 * 27, 0.3).reshape([4, 3, 3, 3]);
        let bias = Some(numbers(device, 4, 0.2));
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        gradient(
            &input,
            kernels::conv2d(input.clone(), weight, bias, options),
        )
    });
    near("pool", &|device| {
        let input = numbers(device, 2 * 3 * 64, 0.7)
            .reshape([2, 3, 8, 8])
            .require_grad();
        gradient(&input, kernels::avg_pool2d(input.clone(), 2, 2, 0))
    });
    near("batch norm", &|device| {
        let input = numbers(device, 4 * 3 * 16, 0.7)
            .reshape([4, 3, 4, 4])
            .require_grad();
        let (gamma, beta) = (numbers(device, 3, 0.5) + 1.0, numbers(device, 3, 0.4));
        let output = kernels::batch_norm_train(input.clone(), gamma, beta, 1e-5);
        gradient(&input, output.output)
    });
    near("batch norm over ranks", &|device| {
        let input = numbers(device, 4 * 3 * 16, 0.7)
            .reshape([4, 3, 4, 4])
            .require_grad();
        let (gamma, beta) = (numbers(device, 3, 0.5) + 1.0, numbers(device, 3, 0.4));
        // Without ranks a sum over them is that of this process.
        let output = kernels::batch_norm_over_ranks(input.clone(), gamma, beta, 1e-5);
        gradient(&input, output.output)
    });
    near("softmax", &|device| {
        let input = numbers(device, 40, 0.7).reshape([4, 10]).require_grad();
        gradient(&input, kernels::softmax(input.clone()))
    });
    near("linear layer", &|device| {
        let input = numbers(device, 40, 0.7).reshape([4, 10]).require_grad();
        let weight = numbers(device, 30, 0.3).reshape([10, 3]);
        let bias = Some(numbers(device, 3, 0.2));
        gradient(&input, kernels::linear(input.clone(), weight, bias))
    });
    near("layer norm", &|device| {
        let input = numbers(device, 40, 0.7).reshape([4, 10]).require_grad();
        let (gamma, beta) = (numbers(device, 10, 0.5) + 1.0, numbers(device, 10, 0.4));
        gradient(
            &input,
            kernels::layer_norm(input.clone(), gamma, Some(beta), 1e-5),
        )
    });
    near("embedding", &|device| {
        let weight = numbers(device, 40, 0.7).reshape([10, 4]).require_grad();
        let ids = Tensor::<2, Int>::from_data([[1, 7, 1], [0, 9, 3]], device);
        let output: Tensor<3> = kernels::embedding(weight.clone(), ids);
        gradient(&weight, output.reshape([6, 4]))
    });
}
