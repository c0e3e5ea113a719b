// swift-tools-version:6.2

import PackageDescription

let package = Package(
    name: "MotionField",
    dependencies: [
        // In a project of your own: the path of your checkout.
        .package(name: "PFrame", path: "../.."),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "MotionField",
            dependencies: [
                .product(name: "Codec", package: "PFrame"),
                .product(name: "MotionVectors", package: "PFrame"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        )
    ]
)
