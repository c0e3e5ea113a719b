@_exported import Shards
@_exported import Storage
