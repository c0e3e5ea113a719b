// swift-tools-version:6.2

import PackageDescription

/// The folder of libtorch (`include/`, `lib/`): what `make deps` fetched, or `LIBTORCH=DIR`, which counts from here;
/// `LIBTORCH=none` leaves out everything that trains. Nothing here looks at the file system, because SwiftPM keeps the
/// answer.
let named = Context.environment["LIBTORCH"] ?? ".libtorch/torch"
let libtorch = named == "none" || named.hasPrefix("/") ? named : "\(Context.packageDirectory)/\(named)"

let package = Package(
    name: "PFrame",
    products: [
        .executable(name: "pframe", targets: ["pframe"]),
        .library(name: "Storage", targets: ["Storage"]),
        .library(name: "Codec", targets: ["Codec"]),
        .library(name: "Bitstream", targets: ["Bitstream"]),
        .library(name: "MotionVectors", targets: ["MotionVectors"]),
        .library(name: "Figures", targets: ["Figures"]),
        .library(name: "Shards", targets: ["Shards"]),
        .library(name: "Dataset", targets: ["Dataset"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CFFmpeg",
            pkgConfig: "libavformat libavcodec libswscale libavutil",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev", "libavutil-dev"])]
        ),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CPango", pkgConfig: "cairo fontconfig gobject-2.0", providers: [.apt(["libpango1.0-dev"])]),
        .target(name: "CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
        .target(name: "CKernels"),
        .target(
            name: "Storage",
            dependencies: ["CCurl", "CISAL", "COpenSSL", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(
            name: "Codec",
            dependencies: ["CFFmpeg", "CJPEG", "Storage", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(
            name: "Bitstream",
            dependencies: ["Codec", "Storage", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(
            name: "MotionVectors",
            dependencies: [
                "Bitstream", "CKernels", "Codec", "Storage", .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Shards",
            dependencies: ["Storage", .product(name: "SystemPackage", package: "swift-system")],
            path: "Sources/Dataset/Shards"
        ),
        .target(
            name: "Figures",
            dependencies: [
                "Bitstream", "CPango", "Codec", "MotionVectors", "Storage",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Dataset",
            dependencies: [
                "Bitstream", "CKernels", "COpenBLAS", "Codec", "Figures", "MotionVectors", "Shards", "Storage",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Shards"]
        ),
        .target(
            name: "ToolOptions",
            dependencies: [
                "Codec", "Dataset", "Shards", "Storage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Tools/ToolOptions"
        ),
        .executableTarget(
            name: "pframe",
            dependencies: [
                "Codec", "Dataset", "Figures", "MotionVectors", "Shards", "Storage", "ToolOptions",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Tools/pframe"
        ),
        .executableTarget(
            name: "KernelBenchmark",
            dependencies: [
                "CKernels", "Codec", "Dataset", "MotionVectors", "Storage",
            ],
            path: "Benchmarks/KernelBenchmark"
        ),
        .target(
            name: "TestSupport",
            dependencies: ["Shards", "Storage", .product(name: "SystemPackage", package: "swift-system")],
            path: "Tests/TestSupport"
        ),
        .testTarget(
            name: "CodecTests",
            dependencies: ["Codec", "Storage", "TestSupport", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .testTarget(
            name: "BitstreamTests",
            dependencies: [
                "Bitstream", "CKernels", "Codec", "Storage", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "MotionVectorsTests",
            dependencies: [
                "Bitstream", "CKernels", "Codec", "MotionVectors", "Storage", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "FiguresTests",
            dependencies: [
                "Bitstream", "Codec", "Figures", "MotionVectors", "Storage", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "DatasetTests",
            dependencies: [
                "CKernels", "Codec", "Dataset", "MotionVectors", "Shards", "Storage", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "ToolsTests",
            dependencies: [
                "MotionVectors", "pframe", "Shards", "Storage", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
    ],
    cxxLanguageStandard: .cxx20
)

if libtorch != "none" {
    // libtorch has neither a pkg-config file nor a place where a compiler would look for it. It was built with NDEBUG,
    // without which some of its types have other sizes.
    let torchHeaders: [CXXSetting] = [.unsafeFlags(["-isystem", "\(libtorch)/include"]), .define("NDEBUG")]
    package.products += [
        .executable(name: "pframe-train", targets: ["pframe-train"]),
        .executable(name: "pframe-sample", targets: ["pframe-sample"]),
        .library(name: "Train", targets: ["Train"]),
    ]
    package.targets += [
        .systemLibrary(name: "CUTF8Proc", providers: [.apt(["libutf8proc-dev"])]),
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .target(
            name: "CTorch",
            cxxSettings: torchHeaders,
            linkerSettings: [
                .unsafeFlags([
                    "\(libtorch)/lib/libtorch_cpu.so", "\(libtorch)/lib/libc10.so", "-Xlinker", "-rpath", "-Xlinker",
                    "\(libtorch)/lib",
                ])
            ]
        ),
        .target(
            name: "Train",
            dependencies: [
                "CMPI", "COpenBLAS", "CTorch", "CUTF8Proc", "Codec", "Dataset", "Figures", "MotionVectors", "Shards",
                "Storage", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "EngineOptions",
            dependencies: [
                "Dataset", "Shards", "Storage", "ToolOptions", "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Tools/EngineOptions"
        ),
        .executableTarget(
            name: "pframe-train",
            dependencies: [
                "Codec", "Dataset", "EngineOptions", "Figures", "MotionVectors", "Shards", "Storage", "ToolOptions",
                "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Tools/pframe-train"
        ),
        .executableTarget(
            name: "pframe-sample",
            dependencies: [
                "Codec", "Dataset", "EngineOptions", "Figures", "MotionVectors", "Shards", "Storage", "ToolOptions",
                "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Tools/pframe-sample"
        ),
        .executableTarget(
            name: "ModelBenchmark",
            dependencies: [
                "EngineOptions", "Storage", "ToolOptions", "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/ModelBenchmark"
        ),
        .target(name: "CollectiveChecks", dependencies: ["Storage", "Train"], path: "Tests/CollectiveChecks"),
        .executableTarget(
            name: "ExchangeProgram",
            dependencies: [
                "CMPI", "Codec", "CollectiveChecks", "Dataset", "Shards", "Storage", "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/ExchangeProgram"
        ),
        .target(name: "TorchWatch", dependencies: ["CTorch"], path: "Tests/TorchWatch", cxxSettings: torchHeaders),
        .testTarget(
            name: "TrainTests",
            dependencies: [
                "Codec", "CollectiveChecks", "Dataset", "ExchangeProgram", "MotionVectors", "Shards", "Storage",
                "TestSupport",
                "TorchWatch", "Train",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
    ]
    for target in package.targets where target.name == "ToolsTests" {
        target.dependencies += ["pframe-train", "pframe-sample"]
    }
}

// Documentation alone needs the plugin: `make docs`.
if Context.environment["PFRAME_DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.3"))
}

for target in package.targets where [.executable, .regular, .test].contains(target.type) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        // Every public type says whether it may cross threads.
        .unsafeFlags(["-Xfrontend", "-require-explicit-sendable"]),
    ]
}
