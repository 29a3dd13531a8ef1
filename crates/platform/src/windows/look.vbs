' Answers for servers that lack reg, sc, wmic, tasklist, schtasks and shutdown (Windows 2000), as those give them:
'   boot | version FILE | processes | qc SERVICE | query SERVICE | reg KEY [/v VALUE]
' Only these change something: config SERVICE auto|demand|disabled, begin COMMAND, restart SECONDS.
' Exit codes: 0; 1 no such key or value; 70 no answer was to be had; 87 not one of these; 1060 no such service.
Option Explicit
Const HKLM = &H80000002
Const WMI = "winmgmts:{impersonationLevel=impersonate}!\\.\root\cimv2"
Const REGISTRY = "winmgmts:{impersonationLevel=impersonate}!\\.\root\default:StdRegProv"
Const FORCED_RESTART = 6

Dim code
code = 70
' An error anywhere below ends here: what failed never looks like an answer.
On Error Resume Next
code = Answer()
If Err.Number <> 0 Then
  WScript.Echo "error " & Err.Number & ": " & Err.Description
  code = 70
End If
On Error Goto 0
WScript.Quit code

Function Answer()
  Answer = 87
  If WScript.Arguments.Count = 0 Then
    WScript.Echo "nothing was asked"
    Exit Function
  End If
  Select Case WScript.Arguments(0)
    Case "boot": Answer = Boot()
    Case "version": Answer = Version(WScript.Arguments(1))
    Case "processes": Answer = Processes()
    Case "qc": Answer = Service(WScript.Arguments(1), True)
    Case "query": Answer = Service(WScript.Arguments(1), False)
    Case "reg": Answer = Registered()
    Case "config": Answer = Config(WScript.Arguments(1), WScript.Arguments(2))
    Case "begin": Answer = Start(WScript.Arguments(1))
    Case "restart": Answer = Restart(WScript.Arguments(1))
    Case "restart-now": Answer = RestartNow(WScript.Arguments(1))
    Case Else: WScript.Echo "not known: " & WScript.Arguments(0)
  End Select
End Function

Function Query(text)
  Set Query = GetObject(WMI).ExecQuery(text)
End Function

' In a condition a backslash and a quote are written with a backslash before them.
Function Quoted(text)
  Quoted = "'" & Replace(Replace(text, "\", "\\"), "'", "\'") & "'"
End Function

Function Boot()
  Dim os
  Boot = 70
  For Each os In Query("SELECT LastBootUpTime FROM Win32_OperatingSystem")
    WScript.Echo "LastBootUpTime=" & os.LastBootUpTime
    Boot = 0
  Next
End Function

Function Version(path)
  Dim files
  Set files = CreateObject("Scripting.FileSystemObject")
  If files.FileExists(path) Then WScript.Echo "Version=" & files.GetFileVersion(path)
  Version = 0
End Function

Function Processes()
  Dim process, q
  q = Chr(34)
  Processes = 70
  For Each process In Query("SELECT Name, ProcessId FROM Win32_Process")
    WScript.Echo q & process.Name & q & "," & q & process.ProcessId & q
    Processes = 0
  Next
End Function

Function Service(name, configured)
  Dim found
  Service = 1060
  For Each found In Query("SELECT State, StartMode FROM Win32_Service WHERE Name=" & Quoted(name))
    WScript.Echo "SERVICE_NAME: " & name
    If configured Then
      WScript.Echo "        START_TYPE         : " & Place(found.StartMode, _
        Array("Boot", "System", "Auto", "Manual", "Disabled"), 0)
    Else
      WScript.Echo "        STATE              : " & Place(found.State, _
        Array("Stopped", "Start Pending", "Stop Pending", "Running", "Continue Pending", "Pause Pending", _
        "Paused"), 1)
    End If
    Service = 0
  Next
  If Service <> 0 Then WScript.Echo "there is no service " & name
End Function

' The number of a word in the order in which winsvc.h counts; the word itself where it is none of them.
Function Place(word, words, first)
  Dim at
  Place = word
  For at = 0 To UBound(words)
    If words(at) = word Then Place = first + at
  Next
End Function

Function Registered()
  Dim registry, path, wanted, names, types, keys, at, shown
  Set registry = GetObject(REGISTRY)
  path = WScript.Arguments(1)
  If UCase(Left(path, 5)) <> "HKLM\" Then
    WScript.Echo "only keys below HKLM are asked for"
    Registered = 87
    Exit Function
  End If
  path = Mid(path, 6)
  wanted = ""
  If WScript.Arguments.Count > 3 Then wanted = LCase(WScript.Arguments(3))
  Registered = Found(registry.EnumKey(HKLM, path, keys))
  If Registered <> 0 Then Exit Function
  Registered = Found(registry.EnumValues(HKLM, path, names, types))
  If Registered <> 0 Then Exit Function
  shown = 0
  WScript.Echo "HKEY_LOCAL_MACHINE\" & path
  If IsArray(names) Then
    For at = 0 To UBound(names)
      If wanted = "" Or LCase(names(at)) = wanted Then
        WScript.Echo "    " & names(at) & vbTab & Data(registry, path, names(at), types(at))
        shown = shown + 1
      End If
    Next
  End If
  If wanted <> "" Then
    If shown = 0 Then Registered = 1
    Exit Function
  End If
  WScript.Echo ""
  If IsArray(keys) Then
    For at = 0 To UBound(keys)
      WScript.Echo "HKEY_LOCAL_MACHINE\" & path & "\" & keys(at)
    Next
  End If
End Function

' 2 and 3 are Win32's words for what isn't there.
Function Found(status)
  Select Case status
    Case 0: Found = 0
    Case 2, 3: Found = 1
    Case Else
      WScript.Echo "the registry answers " & status
      Found = 70
  End Select
End Function

Function Data(registry, path, name, kind)
  Dim value
  Select Case kind
    Case 1
      registry.GetStringValue HKLM, path, name, value
      Data = "REG_SZ" & vbTab & value
    Case 2
      registry.GetExpandedStringValue HKLM, path, name, value
      Data = "REG_EXPAND_SZ" & vbTab & value
    Case 4
      registry.GetDWORDValue HKLM, path, name, value
      Data = "REG_DWORD" & vbTab & "0x" & LCase(Hex(value))
    Case 7
      registry.GetMultiStringValue HKLM, path, name, value
      Data = "REG_MULTI_SZ" & vbTab & Join(value, "\0")
    Case Else
      Data = "REG_BINARY" & vbTab
  End Select
End Function

Function Config(name, word)
  Dim found, mode
  Config = 1060
  Select Case word
    Case "auto": mode = "Automatic"
    Case "demand": mode = "Manual"
    Case "disabled": mode = "Disabled"
    Case Else
      Config = 87
      Exit Function
  End Select
  For Each found In Query("SELECT * FROM Win32_Service WHERE Name=" & Quoted(name))
    Config = found.ChangeStartMode(mode)
  Next
End Function

Function Start(line)
  Dim pid
  Start = GetObject(WMI & ":Win32_Process").Create(line, Null, Null, pid)
  If Start = 0 Then WScript.Echo pid
End Function

' Whoever asked has time to write down that it was asked.
Function Restart(seconds)
  Restart = Start("cscript.exe //nologo " & Chr(34) & WScript.ScriptFullName & Chr(34) & " restart-now " & seconds)
End Function

Function RestartNow(seconds)
  Dim system, os
  RestartNow = 70
  WScript.Sleep 1000 * seconds
  Set system = GetObject("winmgmts:{impersonationLevel=impersonate,(Shutdown)}!\\.\root\cimv2")
  For Each os In system.ExecQuery("SELECT * FROM Win32_OperatingSystem WHERE Primary=TRUE")
    RestartNow = os.Win32Shutdown(FORCED_RESTART)
  Next
End Function
' This line ends the script: a file without it was cut off.
