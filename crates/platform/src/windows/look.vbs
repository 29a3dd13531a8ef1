' Answers for servers without reg, sc, wmic, tasklist, schtasks and shutdown (Windows 2000), in the form of those:
'   boot | version FILE | newer FILE THAN | processes | qc SERVICE | query SERVICE | reg KEY [/v VALUE]
' These change something: config SERVICE auto|demand|disabled, begin COMMAND, restart SECONDS.
' Exit codes: 0; 1 no such key or value; 5, 1055, 1072 as Win32 has them; 70 no answer was to be had;
' 87 not one of these; 1060 no such service. Not zero: what was printed isn't an answer.
Option Explicit
Const WMI = "winmgmts:{impersonationLevel=impersonate}!\\.\root\"
Const WMI_SHUTDOWN = "winmgmts:{impersonationLevel=impersonate,(Shutdown)}!\\.\root\cimv2"
Const HKLM = &H80000002
Const ROOT = "HKEY_LOCAL_MACHINE\"
Const NO_INSTANCE = &H80041002
Const NO_VALUE = &H80070002
Const FORCED_RESTART = 6
Const STARTS = ";Boot=0   BOOT_START;System=1   SYSTEM_START;Auto=2   AUTO_START;Manual=3   DEMAND_START;"
Const MORE_STARTS = "Disabled=4   DISABLED;"
Const STATES = ";Stopped=1  STOPPED;Start Pending=2  START_PENDING;Stop Pending=3  STOP_PENDING;Running=4  RUNNING;"
Const MORE_STATES = "Continue Pending=5  CONTINUE_PENDING;Pause Pending=6  PAUSE_PENDING;Paused=7  PAUSED;"

Dim code
' An error anywhere below ends here: what failed never looks like an answer.
On Error Resume Next
code = Answer(WScript.Arguments)
If IsEmpty(code) Then
  Complain "error 0x" & Hex(Err.Number) & " " & Err.Source & ": " & Err.Description
  code = 70
End If
WScript.Quit code

Function Answer(words)
  Dim verb
  If words.Count > 0 Then verb = words(0)
  Select Case words.Count & " " & verb
    Case "1 boot": Answer = Boot()
    Case "2 version": Answer = Version(words(1))
    Case "3 newer": Answer = Newer(words(1), words(2))
    Case "1 processes": Answer = Processes()
    Case "2 qc": Answer = Service(words(1), True)
    Case "2 query": Answer = Service(words(1), False)
    Case "2 reg": Answer = Registry(words(1), Null)
    Case "4 reg": Answer = Registry(words(1), words(3))
    Case "3 config": Answer = Config(words(1), words(2))
    Case "2 begin": Answer = Begin(words(1))
    Case "2 restart": Answer = Restart(words(1))
    Case "2 restart-now": Answer = RestartNow(words(1))
    Case Else: Answer = Refused(87, "not known, or not with so many words: " & verb)
  End Select
End Function

' Not WScript.StdOut, which Wine lacks; so cscript is called without //B, which would swallow this.
Sub Say(text)
  WScript.Echo Replace(Replace(text, vbCr, " "), vbLf, " ")
End Sub

Sub Complain(text)
  On Error Resume Next
  Err.Clear
  WScript.StdErr.WriteLine text
  If Err.Number <> 0 Then Say text
  Err.Clear
End Sub

Function Refused(code, why)
  Complain why
  Refused = code
End Function

' In a path and in a condition of WMI a backslash and a quote are written with a backslash before them.
Function Quoted(text)
  Quoted = "'" & Replace(Replace(text, "\", "\\"), "'", "\'") & "'"
End Function

' An instance by its key; Nothing only where WMI says that there is none.
Function Instance(path)
  Dim services, number, why
  Set Instance = Nothing
  Set services = GetObject(WMI & "cimv2")
  On Error Resume Next
  Err.Clear
  Set Instance = services.Get(path)
  number = Err.Number
  why = Err.Description
  On Error GoTo 0
  If number = NO_INSTANCE Then
    Set Instance = Nothing
  ElseIf number <> 0 Then
    Err.Raise number, path, why
  End If
End Function

' What a method takes. Wine has no SpawnInstance_, and gives something that is spawned already.
Function Taken(target, method)
  Dim plain
  Set plain = target.Methods_.Item(method).InParameters
  Set Taken = plain
  On Error Resume Next
  Set Taken = plain.SpawnInstance_
  If Err.Number <> 0 Then Set Taken = plain
  Err.Clear
End Function

Function Query(moniker, text)
  Set Query = GetObject(moniker).ExecQuery(text)
End Function

Function Boot()
  Dim os
  Boot = 70
  For Each os In Query(WMI & "cimv2", "SELECT LastBootUpTime FROM Win32_OperatingSystem")
    Say "LastBootUpTime=" & os.LastBootUpTime
    Boot = 0
  Next
  If Boot <> 0 Then Complain "WMI knows no operating system"
End Function

Function Version(path)
  Dim files, number, failed, file
  Version = 0
  Set files = CreateObject("Scripting.FileSystemObject")
  If Not files.FileExists(path) Then Exit Function
  On Error Resume Next
  Err.Clear
  number = files.GetFileVersion(path)
  failed = Err.Number <> 0
  On Error GoTo 0
  ' A scrrun.dll too old for GetFileVersion.
  If failed Then
    Set file = Instance("CIM_DataFile.Name=" & Quoted(path))
    If Not file Is Nothing Then number = file.Version
  End If
  Say "Version=" & number
End Function

' Whether one file was written after another; nothing is said where that other one isn't there.
Function Newer(path, than)
  Dim files, is_newer
  Newer = 0
  Set files = CreateObject("Scripting.FileSystemObject")
  If Not files.FileExists(than) Then Exit Function
  is_newer = 0
  If files.FileExists(path) Then
    If files.GetFile(path).DateLastModified > files.GetFile(than).DateLastModified Then is_newer = 1
  End If
  Say "Newer=" & is_newer
End Function

Function Processes()
  Dim process, q
  q = Chr(34)
  Processes = 70
  For Each process In Query(WMI & "cimv2", "SELECT Name, ProcessId FROM Win32_Process")
    Say q & process.Name & q & "," & q & process.ProcessId & q
    Processes = 0
  Next
  If Processes <> 0 Then Complain "WMI knows no process"
End Function

Function Service(name, configured)
  Dim found
  Service = 0
  Set found = Instance("Win32_Service.Name=" & Quoted(name))
  If found Is Nothing Then
    Service = Refused(1060, "there is no service " & name)
  ElseIf configured Then
    Say "SERVICE_NAME: " & name
    Say "        START_TYPE         : " & Listed(found.StartMode, STARTS & MORE_STARTS)
  Else
    Say "SERVICE_NAME: " & name
    Say "        STATE              : " & Listed(found.State, STATES & MORE_STATES)
  End If
End Function

' What stands behind a word in a list; a word that isn't in it is an error.
Function Listed(word, list)
  Dim at
  at = InStr(list, ";" & word & "=")
  If at = 0 Then Err.Raise 1000, "look.vbs", "WMI says " & word
  at = at + Len(word) + 2
  Listed = Mid(list, at, InStr(at, list, ";") - at)
End Function

Function Registry(key, wanted)
  Dim provider, path, keys, values, names, kinds, at, shown
  If UCase(Left(key, 5)) <> "HKLM\" Then
    Registry = Refused(87, "only keys below HKLM are asked for: " & key)
    Exit Function
  End If
  path = Mid(key, 6)
  Set provider = GetObject(WMI & "default").Get("StdRegProv")
  Set keys = Below(provider, "EnumKey", path)
  Registry = Checked(keys.ReturnValue, key)
  If Registry <> 0 Then Exit Function
  If Not IsNull(wanted) Then
    Registry = ReadAlone(path, wanted)
    If Registry <> 70 Then Exit Function
  End If
  Set values = Below(provider, "EnumValues", path)
  Registry = Checked(values.ReturnValue, key)
  If Registry <> 0 Then Exit Function
  Say ROOT & path
  names = values.sNames
  kinds = values.Types
  If IsArray(names) Then
    For at = 0 To UBound(names)
      If IsNull(wanted) Then
        Show names(at), Data(kinds(at), RegRead(path, names(at)))
      ElseIf LCase(names(at)) = LCase(wanted) Then
        ' It is there, and of a kind that can't be read.
        Show names(at), Data(kinds(at), Empty)
        shown = True
      End If
    Next
  End If
  If Not IsNull(wanted) Then
    If Not shown Then Registry = Refused(1, key & " has no " & wanted)
    Exit Function
  End If
  Say ""
  names = keys.sNames
  If IsArray(names) Then
    For at = 0 To UBound(names)
      Say ROOT & path & "\" & names(at)
    Next
  End If
End Function

Function Below(provider, method, path)
  Dim given
  Set given = Taken(provider, method)
  given.hDefKey = HKLM
  given.sSubKeyName = path
  Set Below = provider.ExecMethod_(method, given)
End Function

' Win32 has 2 for what isn't there, and 259 for the end of a list.
Function Checked(status, key)
  Select Case status
    Case 0, 259: Checked = 0
    Case 2: Checked = Refused(1, "there is no key " & key)
    Case Else: Checked = Refused(70, key & ": StdRegProv answers " & status)
  End Select
End Function

' One value, whatever its type; 70: it may be one that RegRead doesn't take.
Function ReadAlone(path, name)
  Dim value, number
  On Error Resume Next
  Err.Clear
  value = CreateObject("WScript.Shell").RegRead(ROOT & path & "\" & name)
  number = Err.Number
  Err.Clear
  On Error GoTo 0
  ReadAlone = 70
  If number = NO_VALUE Then ReadAlone = Refused(1, path & " has no " & name)
  If number <> 0 Then Exit Function
  Say ROOT & path
  Select Case VarType(value)
    Case vbString: Show name, Data(1, value)
    Case vbLong, vbInteger: Show name, Data(4, value)
    Case Else: Show name, Data(MultiOrBinary(value), value)
  End Select
  ReadAlone = 0
End Function

Function MultiOrBinary(value)
  Dim part
  MultiOrBinary = 7
  For Each part In value
    If VarType(part) <> vbString Then MultiOrBinary = 3
  Next
End Function

' Empty where it can't be read: one value of a strange kind doesn't hide the others.
Function RegRead(path, name)
  On Error Resume Next
  RegRead = CreateObject("WScript.Shell").RegRead(ROOT & path & "\" & name)
  Err.Clear
End Function

Sub Show(name, what)
  If name = "" Then name = "(Default)"
  Say "    " & name & "    " & what
End Sub

Function Data(kind, value)
  Dim part
  Select Case kind
    Case 1: Data = "REG_SZ    " & value
    Case 2: Data = "REG_EXPAND_SZ    " & value
    Case 4
      If IsEmpty(value) Then Err.Raise 1000, "look.vbs", "a number that can't be read"
      Data = "REG_DWORD    0x" & LCase(Hex(value))
    Case 7
      Data = "REG_MULTI_SZ    "
      If IsArray(value) Then
        For Each part In value
          Data = Data & part & "\0"
        Next
      End If
    Case 3: Data = "REG_BINARY    "
    Case Else: Data = "REG_TYPE_" & kind
  End Select
End Function

Function Config(name, start)
  Dim found, mode, result
  Select Case start
    Case "auto": mode = "Automatic"
    Case "demand": mode = "Manual"
    Case "disabled": mode = "Disabled"
    Case Else
      Config = Refused(87, "not a way to start: " & start)
      Exit Function
  End Select
  Set found = Instance("Win32_Service.Name=" & Quoted(name))
  If found Is Nothing Then
    Config = Refused(1060, "there is no service " & name)
    Exit Function
  End If
  result = found.ChangeStartMode(mode)
  ' WMI counts in a way of its own.
  Select Case result
    Case 0: Config = 0
    Case 2: Config = 5
    Case 11: Config = 1055
    Case 16: Config = 1072
    Case Else: Config = 70
  End Select
  If Config <> 0 Then Complain "ChangeStartMode answers " & result
End Function

' A process of WMI's own service: it outlives whoever asked for it.
Function Begin(line)
  Dim target, given, result
  Set target = GetObject(WMI & "cimv2").Get("Win32_Process")
  Set given = Taken(target, "Create")
  given.CommandLine = line
  Set result = target.ExecMethod_("Create", given)
  Begin = 0
  If result.ReturnValue = 0 Then
    Say result.ProcessId
  Else
    Begin = Refused(70, "Win32_Process.Create answers " & result.ReturnValue)
  End If
End Function

' Whoever asked has time to write down that it was asked.
Function Restart(seconds)
  Dim q
  q = Chr(34)
  Restart = Begin("cscript.exe //nologo " & q & WScript.ScriptFullName & q & " restart-now " & seconds)
End Function

Function RestartNow(seconds)
  Dim os
  RestartNow = 70
  WScript.Sleep 1000 * seconds
  For Each os In Query(WMI_SHUTDOWN, "SELECT * FROM Win32_OperatingSystem WHERE Primary=TRUE")
    RestartNow = os.Win32Shutdown(FORCED_RESTART)
  Next
  If RestartNow <> 0 Then Complain "Win32Shutdown answers " & RestartNow
End Function
' This line ends the script: a file without it was cut off.
