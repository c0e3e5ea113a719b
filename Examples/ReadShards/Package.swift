// swift-tools-version:6.2

import PackageDescription

let package = Package(
    name: "ReadShards",
    dependencies: [
        // In a project of your own: the path of your checkout.
        .package(name: "PFrame", path: "../..")
    ],
    targets: [
        .executableTarget(name: "ReadShards", dependencies: [.product(name: "Shards", package: "PFrame")])
    ]
)
