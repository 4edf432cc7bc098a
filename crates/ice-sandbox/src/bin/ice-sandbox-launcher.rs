//! The launcher of cages as a program of its own, to be installed beside the program that asks for them.

#[cfg(target_os = "linux")]
fn main() {
    ice_sandbox::launcher_main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}
