@_exported import Storage
