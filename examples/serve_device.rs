//! Offers a device of this machine to training runs on others, which name it `--device ws://ADDRESS:PORT`.
//!
//! `cargo run --features remote --example serve_device -- --device flex`

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use examples::say;
use tinderbox::{DeviceServer, device, device_token};

/// Offers a device of this machine to training runs on others, which name it with `--device
/// ws://ADDRESS:PORT`. They need the token of the variable TINDERBOX_DEVICE_TOKEN, or of the file that
/// TINDERBOX_DEVICE_TOKEN_FILE names. Nothing that is sent is encrypted: see docs/several-machines.md.
#[derive(Parser)]
struct Args {
    /// The device to offer; default: TINDERBOX_DEVICE, else the best compiled in.
    #[arg(long)]
    device: Option<String>,
    /// The address and port to listen on; any address but 127.0.0.1 needs a token, port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = device(args.device.as_deref())?;
    let server = DeviceServer::bind(device.clone(), args.listen, device_token()?)?;
    say!("{device:?} at ws://{}", server.address());
    Ok(server.serve()?)
}
